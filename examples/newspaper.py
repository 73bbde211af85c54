"""A newspaper's slates: readers click less on what they have seen, and a fit says how much less.

A path is of the Parquet file behaviors of EB-NeRD (RecSys Challenge 2024); without a path NumPy
makes such slates. What all readers clicked so far is an attribute of an article.
"""

import os
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import recsim_tf
from recsim_tf import fitting, logs
from recsim_tf.fitting.predictions.choices import predict_choices

from newspaper_readers import Articles, Readers

FOLDER = "runs/examples/newspaper"
paths, is_quick = [each for each in sys.argv[1:] if each != "--quick"], "--quick" in sys.argv
os.makedirs(FOLDER, exist_ok=True)


def made_up(num_slates):
    generator = np.random.default_rng(0)
    inview = [generator.choice(40, 6, replace=False) for _ in range(num_slates)]
    reader, seen, clicked = generator.integers(num_slates // 20, size=num_slates), {}, []
    for each, slate in zip(reader, inview, strict=True):
        times = np.array([seen.get((each, article), 0) for article in slate])
        clicked.append([slate[np.argmax(-np.log1p(times) + generator.gumbel(size=6))]])
        seen |= {(each, article): count + 1 for article, count in zip(slate, times, strict=True)}
    columns = {"article_ids_inview": inview, "article_ids_clicked": clicked, "user_id": reader}
    return pd.DataFrame(columns).assign(is_subscriber=reader % 2, impression_time=range(num_slates))


# A row for each article of a slate, with the clicks and views of all readers before the slate.
slates = pd.read_parquet(paths[0]) if paths else made_up(400 if is_quick else 4000)
slates = slates.sort_values("impression_time", ignore_index=True)
table = slates.assign(slate=slates.index).explode("article_ids_inview", ignore_index=True)
table["click"] = (table.article_ids_inview == table.article_ids_clicked.str[0]).astype(int)
table["place"] = table.groupby("slate").cumcount()
by_article = table.groupby("article_ids_inview")
clicks, views = by_article.click.cumsum() - table.click, by_article.cumcount()
table["rate"] = np.log((clicks + 0.3) / (views + 3))
columns = {"session": "user_id", "step": "slate", "position": "place", "clicked": "click"}
log = logs.from_table(
    table,
    {**columns, "document": "article_ids_inview"},
    attributes=("rate",),
    user_columns={"subscriber": "is_subscriber"},
    departed=False,
)
train, others = log.split(0.3, seed=0)

number = len(log.labels.document)
simulator = recsim_tf.Simulator(Readers(number), Articles(number), log.slate_size, log.slate_size)
parameters = {"users.rate": fitting.Parameter(), "users.seen": fitting.Parameter()}
method = fitting.Exact(search=fitting.LBFGS(progress=False))
still = parameters | {"users.seen": fitting.Parameter([0.0, 0.0], fixed=True)}
fits = [fitting.fit(simulator, each, train, method=method) for each in (parameters, still)]
seen = fits[0].estimates["users.seen"]
for who, value, error in zip(
    ("others", "subscribers"), seen.value, seen.standard_error, strict=True
):
    print(f"{who:11} {value:.2f} ± {error:.2f} for the logarithm of 1 + times seen")
for name, each in zip(("with memory", "without"), fits, strict=True):
    nats = predict_choices(each.simulator, others).log_prob[others.active]
    print(f"{name:11} {nats.mean():.3f} nats a slate of other readers")

# Clicks by how often the reader has seen the article.
times = table.groupby(["user_id", "article_ids_inview"]).cumcount().clip(upper=4)
expected = 1 / table.groupby("slate").place.transform("size")
shares = (table.click / expected).groupby(times).agg(["mean", "sem"])
plt.errorbar(shares.index, shares["mean"], shares["sem"], marker="o", capsize=3)
plt.axhline(1, linestyle="--", color="gray")
plt.gca().set(title="What was seen before", xlabel="times seen, 4 or more", ylim=(0, None))
plt.ylabel("clicks, chance is 1")
plt.savefig(f"{FOLDER}/newspaper.png", dpi=120)
