"""Dependence of clicks within sessions, documents and steps."""

from typing import NamedTuple

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
    outcomes: Outcomes, past: Outcomes, expected: np.ndarray, expected_of_past: np.ndarray
) -> dict[str, float]:
    """Statistics by name: sessions without a click, the spread of click rates of documents, the
    click rate of documents that were clicked before in the session, also over the rate of others
    that were shown before, the product of the surprises at a document in both halves of a session,
    the product of the surprises of neighbouring steps, and the correlation of a step's surprise,
    amounts and clicks on what is popular with their means before. 0 for a statistic that is not
    defined.

    Args:
      outcomes: the outcomes of a log, or of a simulation of it.
      past: the outcomes of the steps before each step: the log's where each step is simulated given
        the logged ones, else `outcomes`.
      expected, expected_of_past: the `popularity` [S, T, K] of their documents in the log.
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
            of_log["surprises_at_a_document_in_both_halves/product"] = _product_of_halves(
                outcomes, past, expected, expected_of_past
            )
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


class _Shows(NamedTuple):
    """Documents shown in a half of the sessions, sorted by session and document."""

    of: np.ndarray  # int64 [M], a number for each pair of a session and a document
    surprise: np.ndarray  # float64 [M], the click beyond the document's rate


def _product_of_halves(
    outcomes: Outcomes, past: Outcomes, expected: np.ndarray, expected_of_past: np.ndarray
) -> float:
    """The mean product of the surprise at a document in the second half of a session and its mean
    surprise at the same document in the first half. Tastes that stay make it positive.
    """
    middle = (past.length[:, np.newaxis] + 1) // 2
    is_early = np.arange(past.active.shape[1]) < middle
    early = _shows(past, expected_of_past, is_early)
    late = _shows(outcomes, expected, ~is_early)
    known, rows = np.unique(early.of, return_inverse=True)
    if not len(known) or not len(late.of):
        return 0.0
    means = np.bincount(rows, early.surprise) / np.bincount(rows)
    place = np.minimum(np.searchsorted(known, late.of), len(known) - 1)
    recurs = known[place] == late.of
    return float((means[place] * late.surprise)[recurs].mean()) if recurs.any() else 0.0


def _shows(outcomes: Outcomes, expected: np.ndarray, steps: np.ndarray) -> _Shows:
    """The documents shown at some steps, bool [S, T]."""
    counted = outcomes.counted & steps[:, :, np.newaxis]
    session, _, _ = np.nonzero(counted)
    surprise = (outcomes.clicked > 0) - expected
    return _Shows(session * 2**32 + outcomes.documents[counted].astype(np.int64), surprise[counted])


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
