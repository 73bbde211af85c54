# SPDX-License-Identifier: Apache-2.0
"""Dependence of clicks within sessions, documents and steps."""

from typing import Any

import numpy as np

from recsim_tf.fitting.validation.outcomes import Outcomes

_SMOOTHING = 5.0  # clicks that a document's rate of one is worth
# Documents shown, for a rate of its own.
_OF_SESSION, _OF_DOCUMENT = 3, 20


def popularity(learned: Outcomes, outcomes: Outcomes) -> np.ndarray:
    """The smoothed click rate of each document at its position, float64 [S, T, K]. Where documents
    are no ids, it is the click rate of the position.

    Args:
      learned: the outcomes from which rates are learned, of R sessions.
      outcomes: the outcomes whose slates get rates, of S sessions.
    """
    counted = learned.counted
    clicked = (learned.clicked > 0) & counted
    by_position = (clicked.sum(axis=(0, 1)) + 0.5) / (counted.sum(axis=(0, 1)) + 1)
    expected = np.broadcast_to(by_position, outcomes.counted.shape)
    if isinstance(learned.documents, tuple) or isinstance(outcomes.documents, tuple):
        return expected
    chance = np.broadcast_to(by_position, counted.shape)
    of_events = (learned.documents[counted], clicked[counted], chance[counted])
    return expected * document_effects(*of_events, outcomes.documents)


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
    outcomes: Outcomes,
    past: Outcomes,
    expected: np.ndarray,
    expected_of_past: np.ndarray,
    vectors: Any = (),
) -> dict[str, float]:
    """Statistics by name: sessions without a click, the spread of click rates of documents, the
    click rate of documents that were clicked before in the session, also over the rate of others
    that were shown before, the products of the tastes that both halves of a session and
    neighbouring steps show, the product of the surprises of neighbouring steps, and the correlation
    of a step's surprise, amounts and clicks on what is popular with their means before. 0 for a
    statistic that is not defined.

    Args:
      outcomes: the outcomes of a log, or of a simulation of it.
      past: the outcomes of the steps before each step: the log's where each step is simulated given
        the logged ones, else `outcomes`.
      expected, expected_of_past: the `popularity` [S, T, K] of their documents in the log.
      vectors: the vectors of the documents by id, float [D, F]; () where they have none.
    """
    clicked, counted, active = outcomes.clicked > 0, outcomes.counted, outcomes.active
    is_first = clicked.any(axis=2) & ~(np.cumsum(_before(past.clicks > 0), axis=1) > 0) & active
    of_log = {"sessions_without_a_click": float(1 - is_first.sum() / len(active))}
    if not isinstance(outcomes.documents, tuple):
        ids = outcomes.documents[counted]
        of_documents = np.bincount(ids)
        rates = np.bincount(ids, clicked[counted]) / np.maximum(of_documents, 1)
        enough = of_documents >= _OF_DOCUMENT
        of_log["click_rate_of_a_document/standard_deviation"] = _spread(rates[enough])
        was_clicked, was_passed = seen_before(past)
        if was_clicked.any() and was_passed.any():
            rates = [float(clicked[which].mean()) for which in (was_clicked, was_passed)]
            of_log["click_rate_of_documents_clicked_before/mean"] = rates[0]
            of_log["click_rate_of_documents_clicked_before/over_passed"] = (
                rates[0] / rates[1] if rates[1] else 0.0
            )
        if active.shape[1] > 1:
            of_log |= _products_of_tastes(outcomes, past, expected, expected_of_past, vectors)
    if active.shape[1] > 1:
        pairs = active[:, 1:]
        surprise, before = surprises(outcomes, expected), surprises(past, expected_of_past)
        products = (surprise[:, 1:] * before[:, :-1])[pairs]
        of_log["surprises_of_neighbouring_steps/product"] = (
            float(products.mean()) if len(products) else 0.0
        )
        values = {"surprise": (surprise, before)} | {
            f"response/{name}": (amount, past.amounts[name])
            for name, amount in outcomes.amounts.items()
        }
        if not isinstance(outcomes.documents, tuple):
            values["clicks_on_the_popular"] = (
                _clicks_on_the_popular(outcomes, expected),
                _clicks_on_the_popular(past, expected_of_past),
            )
        steps = np.arange(1, active.shape[1])
        for name, (now, earlier) in values.items():
            mean_before = np.cumsum(earlier, axis=1)[:, :-1] / steps
            of_log[f"{name}_and_those_before/correlation"] = _correlation(
                now[:, 1:][pairs], mean_before[pairs]
            )
    return of_log


def seen_before(past: Outcomes) -> tuple[np.ndarray, np.ndarray]:
    """The documents that were clicked at an earlier step of their session, and those that were
    shown there and never clicked, bool [S, T, K] each. False where documents are no ids.
    """
    clicked_before = np.zeros(past.counted.shape, bool)
    passed_before = clicked_before.copy()
    if isinstance(past.documents, tuple):
        return clicked_before, passed_before
    session, step, _ = np.nonzero(past.counted)
    ids, num_steps = past.documents[past.counted], past.counted.shape[1]
    of_user = session * (ids.max(initial=0) + 1) + ids
    moment = of_user * num_steps + step
    order = np.argsort(moment, kind="stable")
    moments = moment[order]
    clicks = np.concatenate([[0], np.cumsum((past.clicked[past.counted] > 0)[order])])
    # The first event of the document in the session, and its first event at this step.
    begins = np.searchsorted(moments, of_user * num_steps)
    now = np.searchsorted(moments, moment)
    is_clicked = clicks[now] > clicks[begins]
    clicked_before[past.counted] = is_clicked
    passed_before[past.counted] = (now > begins) & ~is_clicked
    return clicked_before, passed_before


def _products_of_tastes(
    outcomes: Outcomes,
    past: Outcomes,
    expected: np.ndarray,
    expected_of_past: np.ndarray,
    vectors: Any,
) -> dict[str, float]:
    """The mean products of the tastes that clicks show in both halves of a session, and at
    neighbouring steps. Tastes that stay make both alike.
    """
    num_sessions, num_steps = past.active.shape
    session, step = np.indices(past.active.shape)
    is_early = step < (past.length[:, np.newaxis] + 1) // 2
    moment = session * num_steps + step
    of_name = {
        "tastes_in_both_halves/product": (session, session, is_early, ~is_early),
        "tastes_of_neighbouring_steps/product": (
            moment + 1,
            moment,
            step < num_steps - 1,
            step > 0,
        ),
    }
    products = {}
    for name, (earlier, later, is_earlier, is_later) in of_name.items():
        before = _tastes(past, expected_of_past, earlier, is_earlier, vectors)
        now = _tastes(outcomes, expected, later, is_later, vectors)
        products[name] = float(before.multiply(now).sum() / num_sessions)
    return products


def _tastes(
    outcomes: Outcomes, expected: np.ndarray, rows: np.ndarray, steps: np.ndarray, vectors: Any
) -> Any:
    """The sums of the vectors of documents, weighted by the clicks beyond the documents' rates, a
    sparse array [S * T, F]. Documents without vectors are directions of their own.

    Args:
      outcomes, expected: the outcomes, and the `popularity` of their documents.
      rows: int [S, T], the row to which the documents of a step belong.
      steps: bool [S, T], the steps that count.
      vectors: see `dependence`.
    """
    from scipy.sparse import csr_array

    counted = outcomes.counted & steps[:, :, np.newaxis]
    row = np.broadcast_to(rows[:, :, np.newaxis], counted.shape)[counted]
    surprise, ids = ((outcomes.clicked > 0) - expected)[counted], outcomes.documents[counted]
    if isinstance(vectors, tuple):
        return csr_array((surprise, (row, ids)), shape=(rows.size, np.iinfo(np.int32).max))
    has_vector = ids < len(vectors)
    shape = rows.size, len(vectors)
    return csr_array(
        csr_array((surprise[has_vector], (row[has_vector], ids[has_vector])), shape=shape) @ vectors
    )


def _clicks_on_the_popular(outcomes: Outcomes, expected: np.ndarray) -> np.ndarray:
    """The covariance of clicks and popularity on the slate of each step, float64 [S, T]."""
    counted = outcomes.counted
    number = np.maximum(counted.sum(axis=2, keepdims=True), 1)
    mean = np.sum(expected, axis=2, keepdims=True, where=counted) / number
    clicked = (outcomes.clicked > 0) * (expected - mean)
    return np.sum(clicked, axis=2, where=counted) / number[:, :, 0]


def spread_of_sessions(outcomes: Outcomes) -> dict[str, float]:
    """The spread of the click rates of whole sessions, by the name of the statistic."""
    shown = outcomes.counted.sum(axis=(1, 2))
    rates = ((outcomes.clicked > 0).sum(axis=(1, 2)) / np.maximum(shown, 1))[shown >= _OF_SESSION]
    return {"click_rate_of_a_session/standard_deviation": _spread(rates)}


def _before(values: np.ndarray) -> np.ndarray:
    """The values [S, T] of the step before each, zeros at the first step."""
    return np.pad(values, [(0, 0), (1, 0)])[:, :-1]


def _spread(values: np.ndarray) -> float:
    return float(values.std()) if len(values) > 1 else 0.0


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    if _spread(first) == 0 or _spread(second) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
