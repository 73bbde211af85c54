# SPDX-License-Identifier: Apache-2.0
"""The reader of impressions, with everything that may stand beside them."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

from recsim_tf.logs import from_table
from tests.properties.readers import reference
from tests.properties.readers.cells import found_or_none
from tests.properties.readers.impressions import (
    CANDIDATES,
    CELLS,
    OFFERED,
    SLATES,
    arguments_of,
    compared,
    damaged,
    roles_of,
    table_of,
)
from tests.properties.readers.reading import read_or_none, reads

pytestmark = pytest.mark.slow

OTHER_ARGUMENTS = {
    "document_ids": (("d0", "d0"), "d0", (None,), np.zeros([1, 1]), ("d0",), ("d0", math.inf)),
    "slate_size": (0, 1, 2.5, True),
    "attributes": ("engagement", ("departed", "departed"), ("x",), 5),
    "first_position": (None, 0.5, 3, True),
    "departed": ("yes", None, 1),
    "multiple_clicks": ("no", 0),
    "drop_invalid": ("yes", None),
    "columns": ({}, None, "session", {"session": "session"}),
    "user_columns": (("age",), {"age": "x"}, 5),
    "context": (("hour",), {"hour": "x"}),
    "candidates": (5, pd.DataFrame(), pd.DataFrame({"session": ["a"]})),
}


@reads(from_table)
def test_tables_are_read_as_they_are(data):
    roles = roles_of(data.draw)
    rows = damaged(data.draw, SLATES, {name: CELLS[name] for name in roles})
    if data.draw(st.booleans()):
        rows = [rows[place] for place in data.draw(st.permutations(range(len(rows))))]
    arguments = arguments_of(roles)
    options: dict[str, Any] = {"slate_size": data.draw(st.sampled_from((None, None, 2, 3)))}
    if "clicked" in roles:
        options["multiple_clicks"] = data.draw(st.booleans())
    drops = options["slate_size"] is not None and data.draw(st.booleans())
    changed = data.draw(st.sampled_from((None,) * 19 + tuple(OTHER_ARGUMENTS)))
    arguments |= options | {"drop_invalid": drops}
    if changed is not None:
        arguments[changed] = data.draw(st.sampled_from(OTHER_ARGUMENTS[changed]))
    expected = None
    if changed is None:
        of_times = {"timestamp" if name == "date" else name for name in roles}
        rows = [
            row | {"timestamp": row["date" if "date" in roles else "timestamp"]} for row in rows
        ]
        find = reference.without_faults if drops else reference.impressions
        expected = found_or_none(
            lambda: find(rows, roles=of_times, dates="date" in roles, **options)
        )
    names = ("row", "column", changed or "row", *(["without a fault"] if drops else ()))
    log = read_or_none(lambda: from_table(table_of(rows), **arguments), expected, *names)
    if log is not None:
        compared(log, expected, roles)
        sessions = len({reference.id_or_none(row["session"]) for row in rows})
        assert sum(log.labels.dropped.values()) == sessions - log.num_sessions


@reads(from_table)
def test_candidates_are_read_as_they_are(data):
    roles = roles_of(data.draw) - {"timestamp", "date"} | {"step"}
    rows = damaged(data.draw, SLATES, {name: CELLS[name] for name in ("document", "step")})
    offered = damaged(data.draw, OFFERED, CANDIDATES)[:: data.draw(st.sampled_from((1, -1)))]
    expected = found_or_none(lambda: reference.impressions(rows, roles=roles, candidates=offered))
    frame = pd.DataFrame(offered, dtype=object)
    arguments = arguments_of(roles) | {"candidates": frame}
    log = read_or_none(
        lambda: from_table(table_of(rows), **arguments), expected, "row", "column", "candidates"
    )
    if log is not None:
        compared(log, expected, roles)
