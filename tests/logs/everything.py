# SPDX-License-Identifier: Apache-2.0
"""A table with a column for everything, and a log of it."""

import numpy as np
import pandas as pd

from recsim_tf.logs import Log, from_table

USERS = {"country": "country", "age": "age"}
CONTEXT = {"hour": "hour", "page": "page"}


def table(**replaced) -> pd.DataFrame:
    """Two sessions, b of two steps, the second with a short slate, and a of one."""
    columns = {
        "session": ["b", "b", "b", "a", "a"],
        "user": ["u", "u", "u", "v", "v"],
        "step": [3, 3, 7, 0, 0],
        "timestamp": ["2020-01-01T00:00:10"] * 2 + ["2020-01-01T01:00:11+01:00"] * 3,
        "position": [0, 1, 1, 0, 1],
        "document": ["003", "001", "002", "002", "003"],
        "clicked": [0, 1, 1, 0, 1],
        "purchased": [0, 1, 0, 0, 0],
        "engagement": [np.nan, 2.5, np.nan, np.nan, 4.0],
        "reward": [0.0, 0.5, 2.0, 0.0, 1.0],
        "departed": [0, 0, 0, 1, 1],
        "propensity": [0.2, 0.2, 0.5, 0.3, 0.3],
        "propensity_set": [0.4, 0.4, 0.5, 0.6, 0.6],
        "propensity_prefix": [0.5, 0.2, 0.5, 0.6, 0.3],
        "propensity_position": [0.5, 0.4, 0.5, 0.6, 0.5],
        "target_propensity": [0.1, 0.1, 0.5, 0.0, 0.0],
        "quality": [0.3, 0.1, 0.2, 0.2, 0.3],
        "country": ["NA", "NA", "NA", None, None],
        "age": [40, 40, 40, 41, 41],
        "hour": [8, 8, 9, 23, 23],
        "page": ["home", "home", "search", "home", "home"],
    }
    return pd.DataFrame(columns | replaced)


def candidates() -> pd.DataFrame:
    """Three documents for each step, with two features."""
    places = (("b", 3), ("b", 7), ("a", 0))
    rows = [(*place, f"00{number}") for place in places for number in (1, 2, 3)]
    frame = pd.DataFrame(rows, columns=["session", "step", "document"])
    return frame.assign(price=np.arange(9.0), hue=1.0)


def log(frame: pd.DataFrame | None = None, **arguments) -> Log:
    """A log with all that a table may tell."""
    return from_table(
        table() if frame is None else frame,
        user_columns=USERS,
        context=CONTEXT,
        attributes=["quality"],
        candidates=candidates(),
        **arguments,
    )
