"""Impressions in the order of sessions, steps and positions: what can be judged of whole slates and
sessions.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from recsim_tf.fitting.logs.tables.faults import Faults
from recsim_tf.fitting.logs.tables.impressions import UNKNOWN, Impressions


def same_as_before(values: np.ndarray) -> np.ndarray:
    """bool [M]: which values [M] are the same as the one before them."""
    return np.append(False, values[1:] == values[:-1])[: len(values)]


class Slates(NamedTuple):
    """Impressions sorted by session, step and position, [M], and where each belongs."""

    impressions: Impressions
    slate: np.ndarray  # int64 [M], slates are numbered through all sessions
    first: np.ndarray  # int64 [M], where the slate begins in the impressions
    first_of_session: np.ndarray  # int64 [M], where the session begins
    picked: np.ndarray  # bool [M], the document is chosen or clicked

    def without_faults(self, faults: Faults) -> "Slates":
        return self.take(faults.sound(self.impressions.row))

    def take(self, which: np.ndarray) -> "Slates":
        """The slates of impressions where bool [M] is true, of which whole slates are taken."""
        return self if which.all() else _located(self.impressions.take(which))


def check_table_order(
    impressions: Impressions, columns: Mapping[str, str], faults: Faults
) -> Impressions:
    """Refuses timestamps that decrease within a session where they alone tell the order of
    steps.
    """
    index = np.argsort(impressions.session, kind="stable")
    session, timestamp = impressions.session[index], impressions.timestamp[index]
    _refuse_decrease(session, timestamp, impressions.row[index], columns, faults)
    return impressions.take(faults.sound(impressions.row))


def arrange(
    impressions: Impressions,
    columns: Mapping[str, str],
    slate_size: int | None,
    multiple_clicks: bool,
    faults: Faults,
) -> tuple[Slates, int]:
    """The slates of the sessions without a fault, and their size K; with the arguments of
    `from_table`. What cannot be a slate or a session is refused.
    """
    order = impressions.step if "step" in columns else impressions.timestamp
    slates = _located(
        impressions.take(np.lexsort((impressions.position, order, impressions.session)))
    )
    shown = slates.impressions
    repeated = same_as_before(slates.slate) & same_as_before(shown.position)
    allowed = "differ from the other positions of its slate"
    faults.refuse(repeated, columns["position"], allowed, "duplicate position", shown.row)
    slates = slates.without_faults(faults)
    shown = slates.impressions
    largest = int(np.bincount(slates.slate).max(initial=0)) if slate_size is None else slate_size
    allowed = (
        f"be one of the first slate_size={largest} positions (set first_position or slate_size for"
        " others)"
    )
    outside = shown.position >= largest
    faults.refuse(outside, columns["position"], allowed, "position outside the slate", shown.row)
    _check_times(slates, columns, faults)
    _check_choices(slates, columns, multiple_clicks, faults)
    return slates.without_faults(faults), largest


def _located(impressions: Impressions) -> Slates:
    """Sorted impressions with their slates."""
    session = impressions.session
    order = impressions.step if isinstance(impressions.step, np.ndarray) else impressions.timestamp
    new_session = ~same_as_before(session)
    new_slate = new_session | ~same_as_before(order)
    index = np.arange(len(session))
    first = np.maximum.accumulate(np.where(new_slate, index, 0))
    picked = (
        impressions.clicked
        if isinstance(impressions.clicked, np.ndarray)
        else impressions.document == impressions.chosen
    )
    return Slates(
        impressions,
        np.cumsum(new_slate) - 1,
        first,
        np.maximum.accumulate(np.where(new_session, index, 0)),
        picked,
    )


def _check_times(slates: Slates, columns: Mapping[str, str], faults: Faults) -> None:
    """Refuses steps whose earliest timestamp is before that of the step in front of it."""
    if "step" not in columns or "timestamp" not in columns:
        return
    shown = slates.impressions
    begins = np.flatnonzero(slates.first == np.arange(len(slates.first)))
    if not len(begins):
        return
    earliest = np.minimum.reduceat(shown.timestamp, begins)
    _refuse_decrease(shown.session[begins], earliest, shown.row[begins], columns, faults)


def _refuse_decrease(
    session: np.ndarray,
    time: np.ndarray,
    row: np.ndarray,
    columns: Mapping[str, str],
    faults: Faults,
) -> None:
    decreases = same_as_before(session) & np.append(False, time[1:] < time[:-1])[: len(time)]
    allowed = "not decrease within a session"
    faults.refuse(decreases, columns["timestamp"], allowed, "timestamps out of order", row)


def _check_choices(
    slates: Slates, columns: Mapping[str, str], multiple_clicks: bool, faults: Faults
) -> None:
    shown, picked = slates.impressions, slates.picked

    def refuse(bad, role, allowed, reason):
        faults.refuse(bad, columns[role], allowed, reason, shown.row)

    before = np.cumsum(picked) - picked
    again = picked & (before > before[slates.first])
    if "clicked" in columns:
        allowed = "be 1 in at most one row of a slate (set multiple_clicks for more)"
        refuse(again & (not multiple_clicks), "clicked", allowed, "more than one choice")
    else:
        role = "chosen_document"
        differs = shown.chosen != shown.chosen[slates.first]
        refuse(differs, role, "be the same in all rows of a slate", "chosen document differs")
        counts = np.bincount(slates.slate, weights=picked, minlength=1)[slates.slate]
        absent = (shown.chosen != -1) & ((counts == 0) | (shown.chosen == UNKNOWN))
        refuse(absent, role, "be a document of its slate", "chosen document not shown")
        refuse(again, role, "be shown once in its slate", "chosen document shown twice")
    if "purchased" in columns:
        unclicked = shown.purchased & ~picked
        refuse(unclicked, "purchased", "be 0 where nothing is clicked", "purchase without a click")
    if "engagement" in columns:
        missing = picked & ~np.isfinite(shown.engagement)
        allowed = "be a finite number where a document is chosen"
        refuse(missing, "engagement", allowed, "invalid engagement")
    if "departed" in columns:
        differs = shown.departed != shown.departed[slates.first_of_session]
        refuse(differs, "departed", "be the same in all rows of a session", "departed differs")
