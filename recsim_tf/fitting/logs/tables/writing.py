"""Logged sessions as tables of impressions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.choice import ClicksAndPurchases
from recsim_tf.core.types import Nest
from recsim_tf.core.validation import check_type
from recsim_tf.fitting.logs.session_log import SessionLog
from recsim_tf.fitting.logs.tables.frames import pandas


def to_table(log: SessionLog) -> Any:
    """A log as a pandas DataFrame with one row for each document shown, the inverse of
    `from_table`.

    The columns are named by their roles: session, step, position, document, clicked and departed;
    purchased, engagement and propensity where the log has them. Attributes that showing reveals are
    "hidden", or "hidden_0" and so on where there are several.

        table = to_table(log)
        roles = {name: name for name in table if not name.startswith("hidden")}
        again = from_table(table, roles, document_ids=range(num_documents)).log

    `from_table` gives the same log, with zeros at empty positions and no steps after the longest
    session. It needs `attributes` where there are some, `multiple_clicks=True` where a slate may
    have several clicks, and `slate_size` where no slate is full.

    Args:
      log: in memory. Its `documents` are ids, int [S, T, K], and its `response` is one that
        `from_table` or `TableLog.with_engagement` gives.

    Raises:
      ImportError: without pandas.
      ValueError: for a log that no table holds: with initial draws, innovations, queries, a step in
        which nothing is shown, other responses, or clicks at empty positions.
    """
    check_type("log", log, SessionLog)
    for name in ("initial", "innovation", "query"):
        if tf.nest.flatten(getattr(log, name)):
            raise ValueError(
                f"log.{name} must be (), since a table has no column for it:"
                f" log._replace({name}=()) leaves it out"
            )
    shown = log.shown & log.active[..., np.newaxis]
    empty = np.argwhere(log.active & ~shown.any(axis=2)).tolist()
    if empty:
        raise ValueError(
            "log.shown must have a document in each step, got none in step {1} of session"
            " {0}".format(*empty[0])
        )
    of_slate, of_step = log.shown.shape, log.shown.shape[:2]
    session, step, position = rows = np.nonzero(shown)
    columns = {"session": session, "step": step, "position": position}
    columns["document"] = _array("documents", log.documents, "i", of_slate)[rows]
    columns |= {name: values[rows] for name, values in _responses(log, shown).items()}
    columns["departed"] = log.departed[session].astype(np.int64)
    if tf.nest.flatten(log.propensity):
        columns["propensity"] = _array("propensity", log.propensity, "f", of_step)[session, step]
    hidden = tf.nest.flatten(log.hidden)
    for number, values in enumerate(hidden):
        name = "hidden" if len(hidden) == 1 else f"hidden_{number}"
        columns[name] = _array("hidden", values, "f", of_slate)[rows]
    return pandas().DataFrame(columns)


def _responses(log: SessionLog, shown: np.ndarray) -> dict[str, np.ndarray]:
    """The columns of the response, [S, T, K] each."""
    of_slate, of_step = log.shown.shape, log.shown.shape[:2]
    response, engagement = log.response, None
    if isinstance(response, tuple) and not isinstance(response, ClicksAndPurchases):
        if len(response) != 2:
            raise ValueError(f"log.response must be choices or clicks, got {len(response)} fields")
        response, engagement = response
    columns: dict[str, np.ndarray] = {}
    if isinstance(response, ClicksAndPurchases):
        columns["purchased"] = _array("response", response.purchased, "i", of_slate)
        response = response.clicked
    clicked = _array("response", response, "i", of_step, of_slate)
    if clicked.ndim == 2:
        # Without a click at K; another number is at no position, and refused below.
        positions = np.arange(log.slate_size)
        is_choice = (clicked >= 0) & (clicked <= log.slate_size)
        chosen = (clicked[..., np.newaxis] == positions).astype(np.int64)
        clicked = np.where(is_choice[..., np.newaxis], chosen, -1)
    columns["clicked"] = clicked
    for name, values in columns.items():
        wrong = log.active[..., np.newaxis] & (values != 0) & ~((values == 1) & shown)
        if wrong.any():
            where = np.argwhere(wrong)[0].tolist()
            raise ValueError(
                f"log.response must have {name} documents that are shown, got another at {where}"
            )
    if engagement is not None:
        values = _array("response", engagement, "f", of_step, of_slate)
        values = values if values.ndim == 3 else values[..., np.newaxis]
        columns["engagement"] = np.where(clicked == 1, values, np.float32(np.nan))
    return columns


def _array(name: str, value: Nest, kind: str, *shapes: Sequence[int]) -> np.ndarray:
    """The value as an array of one of these shapes, of integers ("i") or floats ("f")."""
    leaves = [np.asarray(leaf) for leaf in tf.nest.flatten(value)]
    if len(leaves) != 1 or leaves[0].dtype.kind != kind or leaves[0].shape not in shapes:
        allowed = f"{'integers' if kind == 'i' else 'floats'} {' or '.join(map(str, shapes))}"
        got = ", ".join(f"{leaf.dtype.name} {leaf.shape}" for leaf in leaves) or "nothing"
        raise ValueError(f"log.{name} must be {allowed} in a table, got {got}")
    return leaves[0]
