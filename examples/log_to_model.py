# %% [markdown]
# # From a log to a fitted model
#
# The log is a CSV file that NumPy writes, by a process that is no model of recsim_tf. Its readers
# click on articles that they look at and like. Their device is known. Their taste is hidden, and
# drifts. `readers.py` has a model of such readers, without the drift.
# %%
import pathlib
import shutil
import sys

import numpy as np
import pandas as pd
import recsim_tf
import tensorflow as tf
from recsim_tf import fitting, logs
from recsim_tf.environments.drifting_taste import Catalogue

from readers import Readers

NAMES = ["session", "position", "document", "clicked", "phone"]
FOLDER = pathlib.Path("runs/examples/log_to_model")
shutil.rmtree(FOLDER, ignore_errors=True)
FOLDER.mkdir(parents=True)
NUM_READERS = 100 if "--quick" in sys.argv else 1000
ARTICLES = np.random.default_rng(0).normal(size=[30, 2]).astype(np.float32)
QUALITY, TOPIC = ARTICLES[np.argsort(-ARTICLES[:, 0])].T  # the best comes first


# %% The process: tables of four visits under a policy that chooses four of ten candidates.
def simulated(choose, num_readers, seed):
    generator = np.random.default_rng(seed)
    phone = generator.random([num_readers, 1]) < 0.6
    taste = generator.normal(np.where(phone, -0.4, 0.8), 0.9)
    looked_at = np.where(phone, 0.65, 0.9) ** np.arange(4)
    for visit in range(4):
        slate = choose(generator.random([num_readers, 30]).argsort(axis=1)[:, :10])
        liking = 0.7 * QUALITY[slate] + taste * TOPIC[slate] - 1
        click = generator.random(slate.shape) < looked_at / (1 + np.exp(-liking))
        rows = *np.indices(slate.shape), slate, click, np.broadcast_to(phone, slate.shape)
        rows = np.stack(rows, axis=-1).reshape(-1, 5)
        yield pd.DataFrame(rows, columns=NAMES).assign(visit=visit)
        taste = taste + 0.3 * generator.normal(size=taste.shape)


table = pd.concat(simulated(lambda candidates: candidates[:, :4], NUM_READERS, seed=1))
table.to_csv(FOLDER / "log.csv", index=False)

# %% The log, with what is known of its users. A part of the readers is held out.
columns = {**{name: name for name in NAMES[:4]}, "step": "visit"}
options = {"user_columns": {"phone": "phone"}, "document_ids": range(30), "departed": False}
log = logs.from_table(FOLDER / "log.csv", columns, multiple_clicks=True, **options)
train, held_out = log.split(0.3, seed=0)

# %% The fit. Draws of the taste sum it out.
articles = Catalogue(30, 2, factors=np.stack([QUALITY, TOPIC], 1), replacement=False, ids_only=True)
simulator = recsim_tf.Simulator(Readers(), articles, slate_size=4, num_candidates=10)
parameters = {f"users.{name}": fitting.Parameter([0.0, 0.0]) for name in ("taste", "liking")}
parameters["users.looks"] = fitting.Parameter([0.5, 0.5], "unit")
parameters["users.spread"] = fitting.Parameter(0.5, "positive")
result = fitting.fit(simulator, parameters, train, method=fitting.Draws(100))
print(result, result.latents, sep="\n")
result.to_frame()  # a notebook shows it

# %% The check, of readers held out: six questions, and whether clicks come as often as predicted.
found = fitting.validate(result, train, held_out)
print(found)

# %%
figure = fitting.plot(found)
figure.savefig(FOLDER / "log_to_model.png", dpi=120)
figure

# %% Another policy, the best articles for everybody: by the saved model, and by the process.
fitting.save_model(FOLDER / "model", result)
fitted = fitting.load_model(FOLDER / "model", imports=("readers",)).simulator
best = lambda seen, state, seed: (tf.math.top_k(-seen.documents, 4).indices, state)  # noqa: E731
reward = fitted.rollout(best, NUM_READERS, 4, seed=1).transitions.reward.numpy().mean()
truth = pd.concat(simulated(lambda candidates: np.sort(candidates)[:, :4], NUM_READERS, seed=2))
print("clicks a visit:", reward, "process:", 4 * truth["clicked"].mean())
