# SPDX-License-Identifier: Apache-2.0
"""Checks that the rows of a slate and of a session agree."""

from collections.abc import Callable, Mapping

import numpy as np

from recsim_tf.logs.checks import LOG_ROUNDING
from recsim_tf.logs.tables.cells import PROPENSITIES, TARGETS, UNKNOWN, Cells
from recsim_tf.logs.tables.parsing import pandas
from recsim_tf.logs.tables.rows import Rows

_ROUNDING = 1e-5  # rounding error of probabilities, which may be float32


def arranged(cells: Cells, slate_size: int | None) -> Rows:
    """The rows of the sessions without a fault, with the size of their slates. Refuses repeated
    positions of a slate, and positions beyond the slate.
    """
    faults, columns = cells.faults, cells.columns
    sound = np.flatnonzero(faults.sound(np.arange(len(cells.session))))
    if "step" in cells:
        step = cells["step"]
    elif "timestamp" in cells:
        # Without a column of steps, timestamps give the order of steps.
        step = cells["timestamp"]
        in_sessions = sound[np.argsort(cells.session[sound], kind="stable")]
        _refuse_decrease(in_sessions, cells.session[in_sessions], step[in_sessions], cells)
        sound = sound[faults.sound(sound)]
    else:
        step = np.zeros(len(cells.session), np.int64)
    rows = Rows.of(sound, cells.session, step, cells["position"])
    repeated = ~rows.begins_step & (np.diff(rows.position, prepend=-1) == 0)
    allowed = "differ from the other positions of its slate"
    faults.refuse(repeated, columns["position"], allowed, "duplicate position", rows.order)
    rows = rows.where(faults.sound(rows.order))
    rows = rows._replace(slate_size=slate_size or rows.largest)
    allowed = (
        f"be one of the first slate_size={rows.slate_size} positions (set first_position or"
        " slate_size for others)"
    )
    outside = rows.position >= rows.slate_size
    reason = "position outside the slate"
    faults.refuse(outside, columns["position"], allowed, reason, rows.order)
    return rows


def check_agreement(cells: Cells, rows: Rows, picked: np.ndarray, multiple_clicks: bool) -> None:
    """Refuses rows that contradict others of their slate or session. `picked` marks the rows that
    were chosen or clicked, bool [M].
    """

    def refuse(bad, role, allowed, reason):
        cells.faults.refuse(bad, cells.columns[role], allowed, reason, rows.order)

    if "step" in cells and "timestamp" in cells:
        begins = rows.begins_step
        earliest = np.minimum.reduceat(cells["timestamp"][rows.order], np.flatnonzero(begins))
        _refuse_decrease(rows.order[begins], rows.session[begins], earliest, cells)
    is_second = picked & (rows.sums_so_far(picked) > 1)
    if "clicked" in cells:
        allowed = "be 1 in at most one row of a slate (multiple_clicks=True takes more)"
        refuse(is_second & (not multiple_clicks), "clicked", allowed, "more than one choice")
    elif "chosen_document" in cells:
        role, chosen = "chosen_document", cells["chosen_document"][rows.order]
        differs = ~rows.same_in_step(chosen)
        refuse(differs, role, "be the same in all rows of a slate", "chosen document differs")
        step = np.cumsum(rows.begins_step) - 1
        is_shown = (np.bincount(step, picked) > 0)[step] & (chosen != UNKNOWN)
        absent = (chosen != -1) & ~is_shown
        refuse(absent, role, "be a document of its slate", "chosen document not shown")
        refuse(is_second, role, "be shown once in its slate", "chosen document shown twice")
    if "purchased" in cells:
        unclicked = cells["purchased"][rows.order] & ~picked
        refuse(unclicked, "purchased", "be 0 where nothing is clicked", "purchase without a click")
    if "departed" in cells:
        differs = ~rows.same_in_session(cells["departed"][rows.order])
        refuse(differs, "departed", "be the same in all rows of a session", "departed differs")
    if "user" in cells:
        differs = ~rows.same_in_session(cells["user"][rows.order])
        refuse(differs, "user", "be the same in all rows of a session", "user differs")
    for roles in (PROPENSITIES, TARGETS):
        _check_probabilities(cells, rows, roles, refuse)


def refuse_repeated(cells: Cells, rows: Rows) -> None:
    """Refuses rows with the document of an earlier row of their slate."""
    step, document = np.cumsum(rows.begins_step), cells["document"][rows.order]
    is_repeated = pandas().DataFrame({"step": step, "document": document}).duplicated().to_numpy()
    allowed, reason = "differ from the other documents of its slate", "document shown twice"
    cells.faults.refuse(is_repeated, cells.columns["document"], allowed, reason, rows.order)


def _check_probabilities(
    cells: Cells, rows: Rows, roles: Mapping[str, str], refuse: Callable
) -> None:
    """Refuses probabilities that contradict each other."""
    values = {field: cells[role][rows.order] for field, role in roles.items() if role in cells}
    for field, role in roles.items():
        if field in values and field in ("slate", "set"):
            differs = ~rows.same_in_step(values[field])
            refuse(differs, role, "be the same in all rows of a slate", f"{role} differs")
    if rows.slate_size == 1:
        first, *rest = [*values] or [""]
        for field in rest:
            role, differs = roles[field], ~_close(values[field], values[first])
            allowed = f"equal {roles[first]}, as the slates have one document"
            refuse(differs, role, allowed, f"{role} differs")
        return
    if "prefix" in values:
        role, prefix = roles["prefix"], values["prefix"]
        before = np.append(1.0, prefix[:-1])[: len(prefix)]
        grows = ~rows.begins_step & (prefix > before * (1 + _ROUNDING))
        refuse(grows, role, "not grow along the slate", f"growing {role}")
        ends = np.append(rows.begins_step[1:], True)[: len(prefix)]
        differs = ends & ~_close(prefix, values.get("slate", prefix))
        allowed = f"equal {roles['slate']} at the last position of a slate"
        refuse(differs, role, allowed, f"{role} differs")
        # The rows of a slate get the probability of its last row.
        values.setdefault("slate", prefix[np.flatnonzero(ends)[np.cumsum(rows.begins_step) - 1]])
    if "slate" in values:
        for field in {"set", "position"} & values.keys():
            role, slate = roles[field], values["slate"]
            below = (values[field] < slate) & ~_close(values[field], slate)
            refuse(below, role, "be at least that of the slate in its order", f"{role} too small")


def _close(probs: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """True where probabilities agree up to the rounding that `Log.check` allows, bool [M]."""
    with np.errstate(divide="ignore"):
        logs, expected_logs = np.log(probs), np.log(expected)
    same = np.isclose(logs, expected_logs, LOG_ROUNDING, LOG_ROUNDING)
    return (probs == expected) | same


def _refuse_decrease(
    rows: np.ndarray, session: np.ndarray, times: np.ndarray, cells: Cells
) -> None:
    """Refuses times [M] that decrease within a session. Rows are grouped by session."""
    decreases = np.zeros(len(rows), bool)
    decreases[1:] = (np.diff(session) == 0) & (times[1:] < times[:-1])
    allowed = "not decrease within a session"
    column = cells.columns["timestamp"]
    cells.faults.refuse(decreases, column, allowed, "timestamps out of order", rows)
