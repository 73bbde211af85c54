# SPDX-License-Identifier: Apache-2.0
"""Guesses without a model of the users, which learn from one log and are scored on another."""

from collections.abc import Callable
from typing import Any

import numpy as np

from recsim_tf.fitting.validation.dependence import document_effects
from recsim_tf.fitting.validation.events import Events
from recsim_tf.fitting.validation.learners import boosting, logistic_regression, predicted

_FOLDS = 5
# Documents clicked, and not clicked, from which a classifier learns anything.
_LEAST_OF_A_KIND = 20
# Whole numbers of so few values are categories.
_MOST_CATEGORIES = 20
_LEAST = 1e-6  # probability
ABOVE = "boosting with the clicks above"


def guesses(train: Events, other: Events, seed: int = 0) -> dict[str, np.ndarray]:
    """Click probabilities [M] of the events of another log, by name.

    "frequency" knows the rates of positions; "popularity" how often a document is clicked too, for
    its positions; "boosting without the past" also what is known of document, user and moment;
    "logistic regression" the user's past as well, without its order; "boosting" the same, with
    trees; "boosting with order" the order too.

    The effect of a document on an event of `train` is that of the other sessions, so that no event
    sees its own click. From fewer than 20 clicks, or 20 events without one, only frequencies are
    learned.

    Args:
      train: the events of the log to learn from.
      other: the events of the log to predict.
      seed: the seed of folds and trees.

    Raises:
      ImportError: without scikit-learn.
    """
    models: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
        "popularity": (logistic_regression, ()),
        "boosting without the past": (lambda: boosting(seed), ("profile",)),
        "logistic regression": (logistic_regression, ("profile", "past")),
        "boosting": (lambda: boosting(seed), ("profile", "past")),
        "boosting with order": (lambda: boosting(seed), ("profile", "past", "order")),
    }
    frequency = {"frequency": _of_position(_rates(train), other)}
    return frequency | _learned(models, train, other, seed)


def guesses_of_slates(train: Events, other: Events, seed: int = 0) -> dict[str, np.ndarray]:
    """The click probabilities [M] of a guess that knows what was clicked above each document on its
    slate, beside all that `guesses` know; arguments and errors are those of `guesses`.
    """
    fields = ("profile", "past", "order", "above")
    return _learned({ABOVE: (lambda: boosting(seed), fields)}, train, other, seed)


def _learned(
    models: dict[str, tuple[Callable[[], Any], tuple[str, ...]]],
    train: Events,
    other: Events,
    seed: int,
) -> dict[str, np.ndarray]:
    """The predictions of classifiers that see documents, positions and fields of events."""
    num_clicks = train.clicked.sum()
    rates = _rates(train)
    if min(num_clicks, len(train.clicked) - num_clicks) < _LEAST_OF_A_KIND:
        return dict.fromkeys(models, _of_position(rates, other))
    fold = np.random.default_rng(seed).integers(0, _FOLDS, train.session.max(initial=0) + 1)
    effect = np.zeros(len(train.clicked))
    for number in range(_FOLDS):
        inside = fold[train.session] == number
        effect[inside] = _effects(train.take(~inside), train.take(inside), rates)
    effects = effect, _effects(train, other, rates)

    profiles = _by_category(train.profile, other.profile)

    def columns(*names: str) -> list[np.ndarray]:
        tables = []
        parts = zip((train, other), effects, profiles, strict=True)
        for events, of_documents, profile in parts:
            position = _logit(_of_position(rates, events))
            events = events._replace(profile=profile)
            fields = [getattr(events, name) for name in names]
            common = np.stack([position, of_documents], axis=1)
            tables.append(np.concatenate([common, *fields], axis=1))
        return tables

    probs = {}
    for name, (make, fields) in models.items():
        of_train, of_other = columns(*fields)
        probs[name] = predicted(make(), of_train, train.clicked, of_other)
    return probs


def nats(probs: np.ndarray | float, clicked: np.ndarray | bool) -> np.ndarray:
    """The log-probabilities of clicks, and of none, under probabilities in [1e-6, 1 - 1e-6], which
    others become.
    """
    probs = np.clip(np.asarray(probs, np.float64), _LEAST, 1 - _LEAST)
    return np.where(clicked, np.log(probs), np.log1p(-probs))


def _by_category(train: np.ndarray, other: np.ndarray) -> list[np.ndarray]:
    """Two tables [M, F] with a column for each category, of columns that have 3 to 20 whole numbers
    in the first one.
    """
    tables: list[list[np.ndarray]] = [[np.zeros([len(each), 0])] for each in (train, other)]
    for pair in zip(train.T, other.T, strict=True):
        levels = np.unique(pair[0])
        is_category = 2 < len(levels) <= _MOST_CATEGORIES and (levels == np.round(levels)).all()
        for columns, column in zip(tables, pair, strict=True):
            cells = column[:, np.newaxis]
            columns.append((cells == levels).astype(np.float64) if is_category else cells)
    return [np.concatenate(columns, axis=1) for columns in tables]


def _rates(events: Events) -> np.ndarray:
    """The click rates of positions, [K]."""
    size = events.position.max(initial=0) + 1
    clicks = np.bincount(events.position, events.clicked, size)
    return (clicks + 0.5) / (np.bincount(events.position, minlength=size) + 1)


def _of_position(rates: np.ndarray, events: Events) -> np.ndarray:
    return rates[np.minimum(events.position, len(rates) - 1)]


def _effects(train: Events, other: Events, rates: np.ndarray) -> np.ndarray:
    """The logarithm of the effects of the other log's documents, [M]."""
    chance = _of_position(rates, train)
    return np.log(document_effects(train.document, train.clicked, chance, other.document))


def _logit(probs: np.ndarray) -> np.ndarray:
    return np.log(probs) - np.log1p(-probs)
