"""Logged sessions as tables of impressions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.choice import ClicksAndPurchases
from recsim_tf.core.base.types import Nest
from recsim_tf.core.base.validation import check_type
from recsim_tf.logs.session_log import SessionLog
from recsim_tf.logs.tables.frames import pandas


def to_table(log: SessionLog) -> Any:
    """A log as a pandas DataFrame with one row for each document shown, the inverse of
    `from_table`.

    The columns are named by their roles; attributes that showing reveals are "hidden", or if there
    are several "hidden_0" and so on. `from_table` gives the same log, with zeros at empty positions
    and no steps after the longest session, if it gets `document_ids` (`range(D)`), and
    `attributes`, `multiple_clicks` and `slate_size` where they are not as by default.

    Args:
      log: in memory. Its `documents` are ids, int [S, T, K], and its `response` is one that
        `from_table` or `TableLog.with_engagement` gives.

    Raises:
      ImportError: without pandas.
      ValueError: for what no table holds: initial draws, innovations, queries, a step in which
        nothing is shown, other responses, or clicks at empty positions.
    """
    check_type("log", log, SessionLog)
    for name in ("initial", "innovation", "query"):
        if tf.nest.flatten(getattr(log, name)):
            raise ValueError(f"log.{name} must be (), since a table has no column for it")
    shown = log.shown & log.active[..., np.newaxis]
    if not shown.any(axis=2)[log.active].all():
        raise ValueError("log.shown must have a document in each step, got a step without one")
    session, step, position = rows = np.nonzero(shown)
    columns = {"session": session, "step": step, "position": position}
    columns["document"] = _array("documents", log.documents, "i", log.shown.shape)[rows]
    columns |= {name: values[rows] for name, values in _responses(log, shown).items()}
    columns["departed"] = log.departed[session].astype(np.int64)
    hidden = tf.nest.flatten(log.hidden)
    for number, values in enumerate(hidden):
        name = "hidden" if len(hidden) == 1 else f"hidden_{number}"
        columns[name] = _array("hidden", values, "f", log.shown.shape)[rows]
    return pandas().DataFrame(columns)


def _responses(log: SessionLog, shown: np.ndarray) -> dict[str, np.ndarray]:
    """The columns of the response, [S, T, K] each."""
    of_slate, of_step = log.shown.shape, log.shown.shape[:2]
    response, engagement = log.response, None
    if not isinstance(response, ClicksAndPurchases | np.ndarray) and len(response) == 2:
        response, engagement = response
    columns: dict[str, np.ndarray] = {}
    if isinstance(response, ClicksAndPurchases):
        columns["purchased"] = _array("response", _counts(response.purchased), "i", of_slate)
        response = response.clicked
    clicked = _array("response", _counts(response), "i", of_step, of_slate)
    if clicked.ndim == 2:
        # K is no click. A number out of range becomes -1, which is refused below.
        choice = clicked[..., np.newaxis]
        is_choice = (choice >= 0) & (choice <= log.slate_size)
        clicked = np.where(is_choice, choice == np.arange(log.slate_size), -1)
    columns["clicked"] = clicked
    for name, values in columns.items():
        wrong = log.active[..., np.newaxis] & (values != 0) & ~((values == 1) & shown)
        if wrong.any():
            place = np.argwhere(wrong)[0].tolist()
            raise ValueError(
                f"log.response must have {name} shown documents, got others at {place}"
            )
    if engagement is not None:
        values = _array("response", engagement, "f", of_step, of_slate)
        values = values if values.ndim == 3 else values[..., np.newaxis]
        columns["engagement"] = np.where(clicked == 1, values, np.float32(np.nan))
    return columns


def _counts(value: Nest) -> Nest:
    """Clicks [S, T, K] that are floats, as click models draw them, as integers; -1 for others than
    whole numbers. Anything else as it is.
    """
    if not (isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.ndim == 3):
        return value
    return np.where(value == np.floor(value), value, -1).astype(np.int32)


def _array(name: str, value: Nest, kind: str, *shapes: Sequence[int]) -> np.ndarray:
    """The value as an array of one of these shapes, of integers ("i") or floats ("f")."""
    leaves = [np.asarray(leaf) for leaf in tf.nest.flatten(value)]
    if len(leaves) != 1 or leaves[0].dtype.kind != kind or leaves[0].shape not in shapes:
        allowed = f"{'integers' if kind == 'i' else 'floats'} {' or '.join(map(str, shapes))}"
        got = ", ".join(f"{leaf.dtype.name} {leaf.shape}" for leaf in leaves) or "nothing"
        raise ValueError(f"log.{name} must be {allowed} in a table, got {got}")
    return leaves[0]
