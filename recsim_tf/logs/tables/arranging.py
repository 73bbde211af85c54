"""Impressions in the order of sessions, steps and positions: what can be judged of whole slates and
sessions.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recsim_tf.logs.tables.faults import Faults
from recsim_tf.logs.tables.impressions import UNKNOWN


def check_table_order(impressions: Any, columns: Mapping[str, str], faults: Faults) -> Any:
    """Refuses timestamps that decrease within a session where they alone tell the order of
    steps.
    """
    _refuse_decrease(impressions.sort_values("session", kind="stable"), columns, faults)
    return impressions[faults.sound(impressions.index)]


def arrange(
    impressions: Any,
    columns: Mapping[str, str],
    slate_size: int | None,
    multiple_clicks: bool,
    faults: Faults,
) -> tuple[Any, int]:
    """The impressions, as `parse` makes them, of the sessions without a fault, by session, step and
    position; and the size K of their slates; with the arguments of `from_table`. What cannot be a
    slate or a session is refused.

    They have two more columns: "slate", a number through all sessions, and "picked", whether the
    document is chosen or clicked.
    """
    step = "step" if "step" in columns else "timestamp"
    shown = impressions.sort_values(["session", step, "position"])
    slate = shown.groupby(["session", step], sort=False).ngroup()
    picked = (
        shown["clicked"] if "clicked" in columns else shown["document"] == shown["chosen_document"]
    )
    shown = shown.assign(slate=slate, picked=picked)
    repeated = shown.duplicated(["slate", "position"])
    allowed = "differ from the other positions of its slate"
    faults.refuse(repeated, columns["position"], allowed, "duplicate position", shown.index)
    shown = shown[faults.sound(shown.index)]
    largest = int(np.bincount(shown["slate"]).max(initial=0)) if slate_size is None else slate_size
    allowed = (
        f"be one of the first slate_size={largest} positions (set first_position or slate_size for"
        " others)"
    )
    outside = shown["position"] >= largest
    reason = "position outside the slate"
    faults.refuse(outside, columns["position"], allowed, reason, shown.index)
    if "step" in columns and "timestamp" in columns:
        begins = shown[~shown["slate"].duplicated()]
        earliest = shown.groupby("slate")["timestamp"].min().to_numpy()
        _refuse_decrease(begins.assign(timestamp=earliest), columns, faults)
    _check_choices(shown, columns, multiple_clicks, faults)
    return shown[faults.sound(shown.index)], largest


def _refuse_decrease(steps: Any, columns: Mapping[str, str], faults: Faults) -> None:
    """Refuses timestamps that decrease within a session; `steps` stand session by session."""
    decreases = steps["session"].duplicated() & (steps["timestamp"].diff() < 0)
    allowed = "not decrease within a session"
    faults.refuse(decreases, columns["timestamp"], allowed, "timestamps out of order", steps.index)


def _check_choices(
    shown: Any, columns: Mapping[str, str], multiple_clicks: bool, faults: Faults
) -> None:
    picked, by_slate = shown["picked"], shown.groupby("slate")

    def refuse(bad, role, allowed, reason):
        faults.refuse(bad, columns[role], allowed, reason, shown.index)

    again = picked & (by_slate["picked"].cumsum() > 1)
    if "clicked" in columns:
        allowed = "be 1 in at most one row of a slate (set multiple_clicks for more)"
        refuse(again & (not multiple_clicks), "clicked", allowed, "more than one choice")
    else:
        role = "chosen_document"
        chosen = shown[role]
        differs = chosen != by_slate[role].transform("first")
        refuse(differs, role, "be the same in all rows of a slate", "chosen document differs")
        is_shown = by_slate["picked"].transform("any") & (chosen != UNKNOWN)
        absent = (chosen != -1) & ~is_shown
        refuse(absent, role, "be a document of its slate", "chosen document not shown")
        refuse(again, role, "be shown once in its slate", "chosen document shown twice")
    if "purchased" in columns:
        unclicked = shown["purchased"] & ~picked
        refuse(unclicked, "purchased", "be 0 where nothing is clicked", "purchase without a click")
    if "engagement" in columns:
        missing = picked & ~np.isfinite(shown["engagement"])
        allowed = "be a finite number where a document is chosen"
        refuse(missing, "engagement", allowed, "invalid engagement")
    if "departed" in columns:
        differs = shown["departed"] != shown.groupby("session")["departed"].transform("first")
        refuse(differs, "departed", "be the same in all rows of a session", "departed differs")
