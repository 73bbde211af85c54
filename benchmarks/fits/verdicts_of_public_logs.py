"""Answers of `fitting.validate` about two public logs, if the folder of the data sets has them.

KuaiRand: the best guess without a model on a fifth of the users, from the others. It sees the page,
the hour and the pause before a step. The log of a random policy of the Open Bandit Dataset has 40
clicks: page clicks are fitted to half of it, and put to the other half and to the log of Bernoulli
Thompson sampling. There the answer should be that nobody can tell.
"""

from pathlib import Path

import numpy as np
from fits import page_fits

from recsim_tf.fitting import validate
from recsim_tf.fitting.validation.events import Events
from recsim_tf.fitting.validation.guesses import guesses, nats
from recsim_tf.logs import read_kuairand, read_open_bandit
from recsim_tf.support.verdicts import CANNOT_TELL

# Of the effects in Open Bandit. There some 20 held-out clicks cannot answer these questions.
_SCALE, _UNKNOWABLE = 0.3, ("predicts", "classifier", "generalises")
_CAMPAIGNS = ("all", "men", "women")


def kuairand(folder: Path, seed: int, quick: bool) -> dict[str, float]:
    """The nats of an impression that the best guess has; nothing without the data."""
    if not (folder / "kuairand_train.parquet").exists():
        return {}
    histories = [folder / "kuairand_histories.parquet"]
    log = read_kuairand(folder / "kuairand_train.parquet", histories)
    if quick:
        log = log.take(slice(1_000))
    parts = log.split(0.2, seed)
    train, held_out = (Events.of(part, np.asarray(part.response) > 0) for part in parts)
    by_guess = [
        float(nats(probs, held_out.clicked).mean())
        for probs in guesses(train, held_out, seed).values()
    ]
    return {"validate.kuairand_guess": max(by_guess)}


def open_bandit(folder: Path, seed: int) -> dict[str, float]:
    """The share of answers by which nobody can tell; nothing without the data."""
    if not (folder / "obd").is_dir():
        return {}
    words = []
    for campaign in _CAMPAIGNS:
        random = read_open_bandit(str(folder / "obd"), campaign, "random")
        simulator, log = page_fits.pages(random)
        train, held_out = log.split(0.5, seed)
        scales = dict.fromkeys(page_fits.TABLES, _SCALE)
        fitted = page_fits.fit_pages(simulator, train, scales, affinity=False).simulator
        sampled = read_open_bandit(str(folder / "obd"), campaign, "bts", like=random)
        answers = validate(fitted, train, held_out, other=page_fits.pages(sampled).log, seed=seed)
        words += [answers[name].verdict.word for name in _UNKNOWABLE]
    return {"validate.open_bandit_cannot_tell": words.count(CANNOT_TELL) / len(words)}
