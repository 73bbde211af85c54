"""Dependence of clicks within sessions, documents and steps."""

import numpy as np

from recsim_tf.fitting.validation.resimulation import Outcomes
from recsim_tf.logs.log import Log

_SMOOTHING = 5.0  # clicks that a document's rate of one is worth
# Documents shown, for a rate of its own.
_OF_SESSION, _OF_DOCUMENT = 3, 20


def document_ids(log: Log) -> np.ndarray | None:
    """The ids of the documents, int [S, T, K], or None where they are no ids."""
    ids = log.documents
    has_ids = isinstance(ids, np.ndarray) and ids.ndim == 3 and ids.dtype.kind in "iu"
    return ids if has_ids else None


def popularity(log: Log, clicked: np.ndarray, counted: np.ndarray, shown: Log) -> np.ndarray:
    """The smoothed click rate of each document of a log at its position, float64 [S, T, K]. Where
    documents are no ids, it is the click rate of the position.

    Args:
      log: the log from which rates are learned.
      clicked, counted: the clicks of its R sessions, and the documents that count, bool [R, T', K].
      shown: the log whose slates get rates, the same log or another one.
    """
    clicked = clicked & counted
    by_position = (clicked.sum(axis=(0, 1)) + 0.5) / (counted.sum(axis=(0, 1)) + 1)
    expected = np.broadcast_to(by_position, shown.shown.shape)
    ids, wanted = document_ids(log), document_ids(shown)
    if ids is None or wanted is None:
        return expected
    chance = np.broadcast_to(by_position, ids.shape)
    return expected * document_effects(ids[counted], clicked[counted], chance[counted], wanted)


def document_effects(
    ids: np.ndarray, clicked: np.ndarray, chance: np.ndarray, wanted: np.ndarray
) -> np.ndarray:
    """The popularity of documents `wanted`, int [...]: clicks on each over those that its positions
    let expect, smoothed, from M events with ids, bool clicks and the click rates of their
    positions, [M].
    """
    size = max(ids.max(initial=0), wanted.max(initial=0)) + 1
    clicks, expected = np.bincount(ids, clicked, size), np.bincount(ids, chance, size)
    return ((clicks + _SMOOTHING) / (expected + _SMOOTHING))[wanted]


def surprises(outcomes: Outcomes, expected: np.ndarray) -> np.ndarray:
    """The clicks of each step beyond those that its documents let expect, by their `popularity` [S,
    T, K], float64 [S, T].
    """
    difference = (outcomes.clicked > 0) - expected
    return np.sum(difference, axis=2, where=outcomes.counted)


def dependence(
    outcomes: Outcomes, ids: np.ndarray | None, expected: np.ndarray
) -> dict[str, float]:
    """Statistics by name: the spread of click rates of sessions and of documents, sessions without
    a click, the product of the surprises of neighbouring steps, and the correlation of a step's
    surprise with the mean of those before. 0 for one that is not defined.

    Args:
      outcomes: the outcomes of a log or of a simulation of it.
      ids: the ids of the documents, int [S, T, K], or None.
      expected: the `popularity` of the log, [S, T, K].
    """
    clicked, counted = outcomes.clicked > 0, outcomes.counted
    clicks, shown = clicked.sum(axis=(1, 2)), counted.sum(axis=(1, 2))
    rates = (clicks / np.maximum(shown, 1))[shown >= _OF_SESSION]
    of_log = {
        "sessions_without_a_click": float(np.mean(clicks == 0)),
        "click_rate_of_a_session/standard_deviation": _spread(rates),
    }
    if ids is not None:
        size = ids.max(initial=0) + 1
        of_documents = np.bincount(ids[counted], minlength=size)
        rates = np.bincount(ids[counted], clicked[counted], size) / np.maximum(of_documents, 1)
        enough = of_documents >= _OF_DOCUMENT
        of_log["click_rate_of_a_document/standard_deviation"] = _spread(rates[enough])
    active = np.asarray(counted.any(axis=2))
    if active.shape[1] > 1:
        surprise = surprises(outcomes, expected)
        pairs = active[:, 1:] & active[:, :-1]
        products = (surprise[:, 1:] * surprise[:, :-1])[pairs]
        of_log["surprises_of_neighbouring_steps/product"] = (
            float(products.mean()) if len(products) else 0.0
        )
        before = (
            np.cumsum(surprise, axis=1)[:, :-1] / np.maximum(np.cumsum(active, axis=1), 1)[:, :-1]
        )
        of_log["surprise_and_those_before/correlation"] = _correlation(
            surprise[:, 1:][pairs], before[pairs]
        )
    return of_log


def _spread(values: np.ndarray) -> float:
    return float(values.std()) if len(values) > 1 else 0.0


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    if _spread(first) == 0 or _spread(second) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
