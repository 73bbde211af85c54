"""Columns of a table that tell of a session's user, as initial draws."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recsim_tf.fitting.logs.tables import parsing
from recsim_tf.fitting.logs.tables.faults import Faults
from recsim_tf.fitting.logs.tables.frames import check_present, pandas


def read_users(
    frame: Any, columns: Mapping[str, str], sessions: np.ndarray, faults: Faults
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Columns by name as arrays [S'], one value for each number in `sessions` [R]; and by name what
    the codes of a column of text stand for, sorted.

    Numbers are float32, NaN where a session has none. Text is int32 codes, -1 where it has none. A
    column must have one value a session, apart from empty cells; others are refused by `faults`.
    """
    if not isinstance(columns, Mapping):
        raise ValueError(f"user_columns must map names to columns of the table, got {columns!r}")
    check_present(frame, tuple(columns.values()))
    found: dict[str, np.ndarray] = {}
    categories: dict[str, np.ndarray] = {}
    for name, column in columns.items():
        if pandas().api.types.is_numeric_dtype(frame[column]):
            values = parsing.float32(frame[column])
            known, empty = np.isfinite(values), np.nan
        else:
            codes, categories[name] = parsing.codes(frame[column], ordered=True)
            values, known, empty = codes.astype(np.int32), codes >= 0, -1
        found[name] = np.full(sessions.max(initial=-1) + 1, empty, values.dtype)
        found[name][sessions[known]] = values[known]
        several = known & (values != found[name][sessions])
        faults.refuse(several, column, "have one value a session", f"several values of {column}")
    return found, categories
