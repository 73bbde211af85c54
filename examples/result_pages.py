"""Result pages that one ranking made: a click model, and the value of another order.

A path is of a Parquet file, such as pages of the Yandex click log (WSCD 2012), with the columns
query, documents and clicked_positions; without a path NumPy makes pages. In the user browsing model
documents of a query have an attraction, and positions an examination, by the last click above.
"""

import os
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import recsim_tf
import tensorflow as tf
from recsim_tf import fitting, logs, ope, policies
from recsim_tf.environments.page_clicks import PageClickUsers, PageItems, page_clicks
from tensorflow_probability import distributions as tfd

FOLDER = "runs/examples/result_pages"
paths, is_quick = [each for each in sys.argv[1:] if each != "--quick"], "--quick" in sys.argv
os.makedirs(FOLDER, exist_ok=True)


def made_up(num_pages, num_queries=4, size=6):
    """Pages of documents near the order of their attraction; who has clicked reads on less."""
    generator = np.random.default_rng(1)
    attraction = np.sort(generator.beta(1, 3, [num_queries, size]))[:, ::-1]
    query = generator.integers(num_queries, size=num_pages)
    order = np.argsort(np.arange(size) + generator.normal(0, 1.5, [num_pages, size]), axis=1)
    clicked, last = np.zeros([num_pages, size], bool), np.zeros(num_pages)
    for position in range(size):
        examined = 0.9 ** np.where(last, 3 * (position - last + 1), position)
        likely = examined * attraction[query, order[:, position]]
        clicked[:, position] = generator.random(num_pages) < likely
        last = np.where(clicked[:, position], position + 1, last)
    lists = {"documents": list(order), "clicked_positions": list(map(np.flatnonzero, clicked))}
    return pd.DataFrame({"query": query, **lists})


pages = logs.read_result_pages(paths[0] if paths else made_up(500 if is_quick else 20_000))
train, later = pages.log.split(0.3, seed=0)
size = train.slate_size

browsing = recsim_tf.choice.UserBrowsing(np.full([size, size], 0.5))
users = PageClickUsers(feature_probs=[[1.0]], intercept=0.0, click_model=browsing)
items = PageItems(pages.num_pairs + 1, np.zeros(pages.num_pairs + 1), affinity_probs=[1.0])
simulator = page_clicks(users, items, slate_size=size, num_candidates=size, max_steps=1)
result = fitting.fit(
    simulator,
    {
        "documents.item_effect": fitting.Parameter(prior=tfd.Logistic(0.0, 1.0)),
        "users.click_model.examination": fitting.Parameter(support="unit", prior=tfd.Beta(2, 2)),
    },
    train,
    method=fitting.Exact(search=fitting.LBFGS(progress=False), uncertainty=None),
)
attraction = np.asarray(result.estimates["documents.item_effect"].value)
predictions = fitting.predictions.choices.predict_choices(result.simulator, later)
print(f"{np.sum(predictions.log_prob) / later.num_steps / size:.4f} nats a position, later pages")

# The pages have no propensities: the old ranking did not draw its order.
order = np.broadcast_to(np.arange(size, dtype=np.int32), later.documents.shape)
seen = recsim_tf.Observation(np.zeros_like(order[..., :1]), later.documents, ())
later = later._replace(slate=order, observation=seen, reward=later.response.astype(np.float32))


def best_first(observation, policy_state, seed):
    documents = getattr(observation.documents, "item_id", observation.documents)
    return tf.argsort(-tf.gather(attraction, documents)), policy_state


print(ope.evaluate(policies.Deterministic(best_first), later, ("cips", "cdr"), model=result))

examination = np.asarray(result.estimates["users.click_model.examination"].value)
for last, label in enumerate(("no click above", "a click at the top", "the last click second")):
    plt.plot(np.arange(last, size) + 1, examination[last:, last], marker="o", label=label)
plt.gca().set(title="Where users look", xlabel="position", ylabel="probability", ylim=(0, 1))
plt.legend()
plt.savefig(f"{FOLDER}/result_pages.png", dpi=120)
