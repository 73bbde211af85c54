# SPDX-License-Identifier: Apache-2.0
"""A table of impressions with everything that may stand in it, cells that may stand in their place,
and what a log must have of them.
"""

import math
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from recsim_tf.logs import Log
from tests.properties.readers.reading import MISSING
from tests.properties.readers.reference import POSITION_ROLES, SLATE_ROLES, Session, Step

# Two sessions of two steps, of which one has no first position.
_COLUMNS = {
    "session": tuple("aaabbb"),
    "step": (0, 0, 1, 0, 2, 2),
    "position": (0, 1, 0, 1, 0, 1),
    "document": ("d0", "d1", "d2", "d1", "d0", "d2"),
    "clicked": (1, 0, 0, 1, 0, 0),
    "engagement": (1.5, None, None, 0.5, None, 2.0),
    "departed": (1, 1, 1, 0, 0, 0),
    "reward": (0.5, 0.0, -1.0, 2.0, 0.0, 0.0),
    "chosen_document": ("d0", "d0", None, "d1", None, None),
    "purchased": (1, 0, 0, 0, 0, 0),
    "user": ("u", "u", "u", 7, 7, 7),
    "timestamp": (10, 10, 11.5, 3, 4, 4),
    "date": (
        *("2020-01-01 00:00:10", "2020-01-01 00:00:10", "2020-01-01T01:00:12+01:00"),
        *("2020-01-01 00:00:03Z", "2020-01-01 00:00:04", "2020-01-01 00:00:04"),
    ),
    "quality": (0.1, -2.0, 0.3, 2.0**30, 0.1, 0.3),
    "propensity": (0.2, 0.2, 0.5, 0.5, 0.3, 0.3),
    "propensity_set": (0.5, 0.5, 0.5, 0.5, 0.6, 0.6),
    "target_propensity": (0.1, 0.1, 0.5, 0.0, 1.0, 1.0),
    "propensity_prefix": (0.5, 0.2, 0.5, 0.5, 0.6, 0.3),
    "propensity_position": (0.5, 0.4, 0.5, 0.5, 0.6, 0.5),
    "age": (40.0, 40.0, 40.0, None, None, None),
    "country": ("NA", "NA", "NA", "US", "US", "US"),
    "hour": (8, 8, 9, 23, 23, 23),
}
SLATES = [dict(zip(_COLUMNS, row, strict=True)) for row in zip(*_COLUMNS.values(), strict=True)]
OFFERED = [
    {"session": session, "step": step, "document": f"d{number}", "price": step + 0.5 * number}
    for session, step in (("a", 0), ("a", 1), ("b", 0), ("b", 2))
    for number in range(3)
]
_FLAGS = (0, 1, "true", False, 2, "yes", *MISSING)
_NUMBERS = (0.5, 1e39, math.inf, "x", 1e-60, 2**24 + 1, *MISSING)
_PROBABILITIES = (0.2, 0.4, 0, 1, 1.5, -0.1, math.nan, "0.5", "x", None)
CELLS = {
    "session": ("a", "b", ["a"], *MISSING),
    "step": (0, 1, "1", 1.0, 0.5, math.inf, "x", *MISSING),
    "position": (0, 1, 2, -1, 0.5, 10**30, "1", "x", *MISSING),
    "document": ("d0", "d9", 7, ["d0"], *MISSING),
    "chosen_document": ("d0", "d1", "d9", 7, ["d0"], *MISSING),
    "user": ("u", "7", 7.0, "07", math.inf, *MISSING),
    "timestamp": (0, 5, 10, 10.5, "11", math.inf, "x", None),
    "date": ("2020-01-01T00:00:10.5", "2020-01-01 00:00:10+05:30", "1999-12-31", "x", "", None),
    "age": (40.0, 41.0, 1e39, 2.0**24 + 1, None),
    "country": ("NA", "US", "", None, 7),
    "hour": (8, 9.5, 1e39, None),
    **dict.fromkeys(("clicked", "departed", "purchased"), _FLAGS),
    **dict.fromkeys(("engagement", "reward", "quality"), _NUMBERS),
    **dict.fromkeys((*SLATE_ROLES, *POSITION_ROLES), _PROBABILITIES),
}
CANDIDATES = {
    "session": ("a", "c", *MISSING),
    "step": (0, 2, "1", 0.5, "x", None),
    "document": ("d0", "d3", 7, ["d0"], *MISSING),
    "price": (1, "2", math.inf, 1e39, "x", None),
}
# Columns that have no role, but a name of their own.
NAMED = ("age", "country", "hour", "quality")
_RESPONSES = (("clicked",), ("clicked", "purchased"), ("chosen_document",), ("reward",))
_OTHERS = ("engagement", "departed", "reward", "user", *SLATE_ROLES, *POSITION_ROLES, *NAMED)


def roles_of(draw) -> set[str]:
    """The columns of a table; "date" stands for a timestamp."""
    roles = {"session", "position", "document", *draw(st.sampled_from(_RESPONSES))}
    roles |= set(draw(st.lists(st.sampled_from(_OTHERS), unique=True)))
    return roles | set(
        draw(st.sampled_from((("step",), ("step", "date"), ("step", "timestamp"), ("timestamp",))))
    )


def damaged(draw, rows: list[dict], cells: dict[str, tuple]) -> list[dict]:
    """The rows with another value in up to two cells."""
    rows = [dict(row) for row in rows]
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from(sorted(cells)))
        rows[draw(st.integers(0, len(rows) - 1))][name] = draw(st.sampled_from(cells[name]))
    return rows


def table_of(rows: list[dict]) -> pd.DataFrame:
    """The rows as a table, of which only columns of numbers that tell of users have a type."""
    frame = pd.DataFrame(rows, dtype=object)
    return frame.astype({"age": float, "hour": float})


def arguments_of(roles: set[str]) -> dict[str, Any]:
    """What tells `from_table` of the columns."""
    columns = {name: name for name in roles - {*NAMED, "date"}}
    return {
        "columns": columns | ({"timestamp": "date"} if "date" in roles else {}),
        "user_columns": {name: name for name in ("age", "country") if name in roles},
        "context": {"hour": "hour"} if "hour" in roles else {},
        "attributes": ("quality",) if "quality" in roles else (),
    }


def compared(log: Log, expected: dict[str, Session], roles: set[str]) -> None:
    """Requires of a log the sessions of the reference."""
    assert list(log.labels.session) == list(expected)
    assert log.labels.dates == ("date" in roles)
    for number, session in enumerate(expected.values()):
        assert log.length[number] == len(session.steps)
        assert log.departed[number] == session.departed
        assert session.user is None or log.labels.user[number] == session.user
        for name, value in session.fields.items():
            code = log.initial[name][number]
            if name == "country":
                assert value == (None if code < 0 else log.labels.texts[name][code])
            else:
                np.testing.assert_array_equal(code, np.float32(np.nan if value is None else value))
        contexts = [step.context for step in session.steps]
        if "hour" in roles:
            assert log.initial["hour"][number] == contexts[0]
            later = log.innovation["hour"][number, : len(contexts) - 1]
            assert later.tolist() == contexts[1:]
        for place, step in enumerate(session.steps):
            _compared_step(log, (number, place), step, roles)


def _compared_step(log: Log, at: tuple[int, int], step: Step, roles: set[str]) -> None:
    ids = log.labels.document[log.documents[at]]
    positions = np.flatnonzero(log.shown[at])
    assert {int(p): ids[p] for p in positions} == step.documents
    response = log.response
    if "purchased" in roles:
        assert set(np.flatnonzero(response.purchased[at])) == step.purchased
        response = response.clicked
    if isinstance(response, tuple):
        assert roles.isdisjoint({"clicked", "chosen_document"})
    elif response.ndim == 3:
        assert set(np.flatnonzero(response[at])) == step.picked
    else:
        assert response[at] == min(step.picked, default=log.slate_size)
    assert log.reward[at].tolist() == [step.reward.get(p, 0) for p in range(log.slate_size)]
    for name, values in (("engagement", step.engagement), ("hidden", step.quality)):
        for position, value in values.items():
            number = np.float32(np.nan if value is None else value)
            np.testing.assert_array_equal(getattr(log, name)[at][position], number)
    for role, value in step.probabilities.items():
        log_probs = log.target if role.startswith("target") else log.propensity
        field = role.removeprefix("target_").removeprefix("propensity").removeprefix("_")
        probs = np.exp(getattr(log_probs, field or "slate")[at])
        if isinstance(value, dict):
            probs, value = probs[list(value)], list(value.values())
        np.testing.assert_allclose(probs, value, rtol=1e-4)
    if step.candidates is not None:
        offered = log.labels.document[log.candidates[at]]
        assert dict(zip(offered, log.observation.documents[at][:, 0], strict=True)) == (
            step.candidates
        )
        assert {int(p): offered[log.slate[at][p]] for p in positions} == step.documents
