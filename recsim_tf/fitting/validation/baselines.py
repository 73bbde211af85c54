"""Guesses without a model of the users, which learn from one log and are scored on another."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from recsim_tf.fitting.checks.dependence import document_effects
from recsim_tf.fitting.validation.events import Events
from recsim_tf.fitting.validation.learners import boosting, logistic_regression, predicted
from recsim_tf.support.means import Mean

_FOLDS = 5
# Documents clicked, and not clicked, from which a classifier learns anything.
_LEAST_OF_A_KIND = 20


class Prediction(NamedTuple):
    """Log-likelihoods of clicks in nats a document shown."""

    nats: Mean
    gain: Mean  # of the model over this guess, paired by event; 0 for the model itself


def baselines(train: Events, other: Events, seed: int = 0) -> dict[str, np.ndarray]:
    """Click probabilities [M] of the events of another log, by name.

    "frequency" knows the rates of positions; "popularity" how often a document is clicked too, for
    its positions; "logistic regression" also what is known of document and user, and the user's
    past without its order; "boosting" the same, with trees; "boosting with order" the order too.

    The effect of a document on an event of `train` is that of the other sessions, so that no event
    sees its own click. From fewer than 20 clicks, or 20 events without one, only frequencies are
    learned.

    Args:
      train: of the log to learn from.
      other: of the log to predict.
      seed: of folds and trees.

    Raises:
      ImportError: without scikit-learn.
    """
    rates = _rates(train)
    fold = np.random.default_rng(seed).integers(0, _FOLDS, train.session.max(initial=0) + 1)
    effect = np.zeros(len(train.clicked))
    for number in range(_FOLDS):
        inside = fold[train.session] == number
        effect[inside] = _effects(train.take(~inside), train.take(inside), rates)
    effects = effect, _effects(train, other, rates)
    found = {"frequency": _of_position(rates, other)}

    def columns(*names: str) -> tuple[np.ndarray, np.ndarray]:
        pair = []
        for events, own in zip((train, other), effects, strict=True):
            position = _logit(_of_position(rates, events))
            fields = [getattr(events, name) for name in names]
            pair.append(np.concatenate([np.stack([position, own], axis=1), *fields], axis=1))
        return pair[0], pair[1]

    models: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
        "popularity": (logistic_regression, ()),
        "logistic regression": (logistic_regression, ("profile", "past")),
        "boosting": (lambda: boosting(seed), ("profile", "past")),
        "boosting with order": (lambda: boosting(seed), ("profile", "past", "order")),
    }
    num_clicks = train.clicked.sum()
    few = min(num_clicks, len(train.clicked) - num_clicks) < _LEAST_OF_A_KIND
    for name, (make, fields) in models.items():
        of_train, of_other = columns(*fields)
        if few:
            found[name] = found["frequency"]
        else:
            found[name] = predicted(make(), of_train, train.clicked, of_other)
    return found


def _rates(events: Events) -> np.ndarray:
    """[K]: the click rates of positions."""
    size = events.position.max(initial=0) + 1
    clicks = np.bincount(events.position, events.clicked, size)
    return (clicks + 0.5) / (np.bincount(events.position, minlength=size) + 1)


def _of_position(rates: np.ndarray, events: Events) -> np.ndarray:
    return rates[np.minimum(events.position, len(rates) - 1)]


def _effects(train: Events, other: Events, rates: np.ndarray) -> np.ndarray:
    """[M]: the logarithm of the effects of the other log's documents."""
    chance = _of_position(rates, train)
    return np.log(document_effects(train.document, train.clicked, chance, other.document))


def _logit(probs: np.ndarray) -> np.ndarray:
    return np.log(probs) - np.log1p(-probs)
