# SPDX-License-Identifier: Apache-2.0
"""Conversion of logged sessions to tables of impressions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.arguments import checked
from recsim_tf.core.base.types import Nest
from recsim_tf.core.nests import fields_of
from recsim_tf.logs import showing
from recsim_tf.logs.log import Log
from recsim_tf.logs.tables.cells import PROPENSITIES, TARGETS
from recsim_tf.logs.tables.parsing import LARGEST_FLOAT32, pandas


@checked
def to_table(log: Log) -> Any:
    """A log as a pandas DataFrame with one row for each document shown, the inverse of
    `from_table`.

    Columns are named by their roles. Columns of users and of a context are named by their fields.
    Hidden attributes have the names of the table that was read; without such names they are
    "hidden", or if there are several "hidden_0" and so on. Ids, text of users and dates are those
    of the table that was read; without labels, ids are numbers. `from_table` with the same
    arguments gives the same log, without steps after the longest session.

    Args:
      log: a log in memory. Its `documents` are ids, int [S, T, K], and its `response` has the form
        of `from_table` or `Log.with_engagement`.

    Raises:
      ImportError: without pandas.
      ValueError: for a log that a table cannot represent: no `shown`, draws without names or with
        several values, queries, a step in which nothing is shown, other responses, or clicks at
        empty positions.
    """
    log.require("to_table", "shown")
    if tf.nest.flatten(log.query):
        raise ValueError("log.query must be (), since a table has no column for it")
    shown = log.counted
    if not shown.any(axis=2)[log.active].all():
        raise ValueError("log.shown must have a document in each step, got a step without one")
    session, step, position = rows = np.nonzero(shown)
    labels = log.labels
    columns: dict[str, Any] = {"session": _labelled(session, labels.session)}
    if len(labels.user):
        columns["user"] = labels.user[session]
    columns["step"] = step if isinstance(labels.step, tuple) else labels.step[session, step]
    if not isinstance(labels.time, tuple):
        times = labels.time[rows]
        columns["timestamp"] = pandas().to_datetime(times, utc=True) if labels.dates else times
    columns["position"] = position
    documents = _array("documents", log.documents, "i", log.shown.shape)[rows]
    columns["document"] = _labelled(documents, labels.document)
    columns |= {name: values[rows] for name, values in _responses(log, shown).items()}
    if not isinstance(log.engagement, tuple):
        columns["engagement"] = _array("engagement", log.engagement, "f", log.shown.shape)[rows]
    columns |= {name: values[rows] for name, values in _rewards(log).items()}
    if not isinstance(log.departed, tuple):
        columns["departed"] = log.departed[session].astype(np.int64)
    for roles, log_probs in ((PROPENSITIES, log.propensity), (TARGETS, log.target)):
        for field, role in roles.items():
            values = getattr(log_probs, field)
            if not isinstance(values, tuple):
                columns[role] = np.exp(values[rows[: values.ndim]])
    hidden = tf.nest.flatten(log.hidden)
    for number, values in enumerate(hidden):
        name = "hidden" if len(hidden) == 1 else f"hidden_{number}"
        name = labels.attributes[number] if labels.attributes else name
        columns[name] = _array("hidden", values, "f", log.shown.shape)[rows]
    columns |= _named(log, session, step)
    return _frame(columns)


@checked
def candidates_table(log: Log) -> Any:
    """The candidates of a log of `from_table`, a pandas DataFrame with one row for each document of
    each step. `from_table` reads it as `candidates`. Raises a ValueError for a log without
    candidates.
    """
    log.require("candidates_table", "candidates")
    labels = log.labels
    active = np.repeat(log.active[..., np.newaxis], log.candidates.shape[2], axis=2)
    session, step, place = np.nonzero(active)
    columns: dict[str, Any] = {"session": _labelled(session, labels.session)}
    columns["step"] = step if isinstance(labels.step, tuple) else labels.step[session, step]
    columns["document"] = _labelled(log.candidates[session, step, place], labels.document)
    for number, name in enumerate(labels.features):
        columns[name] = log.observation.documents[session, step, place, number]
    return _frame(columns)


def _frame(columns: Mapping[str, Any]) -> Any:
    """The columns as a DataFrame. A file has too few digits of float32 for large whole numbers, so
    columns with such numbers are converted to float64.
    """
    return pandas().DataFrame(
        {
            name: values.astype(np.float64) if _is_large(values) else values
            for name, values in columns.items()
        }
    )


def _is_large(values: Any) -> bool:
    return values.dtype == np.float32 and bool((np.abs(values) > LARGEST_FLOAT32).any())


def _named(log: Log, session: np.ndarray, step: np.ndarray) -> dict[str, Any]:
    """The columns of users and of the context by name of their field."""
    initial, innovation = log.initial, log.innovation
    if not isinstance(initial, dict) and tf.nest.flatten(initial):
        raise ValueError("log.initial must be () or a dict of columns, to have names in a table")
    if not isinstance(innovation, dict) and tf.nest.flatten(innovation):
        raise ValueError("log.innovation must be () or a context, since a table has no column")
    columns = {}
    for name, values in dict(initial).items() if initial else ():
        if np.shape(values) != (log.num_sessions,):
            raise ValueError(
                f"log.initial must have one value for each session in a column, got {name!r} of"
                f" shape {np.shape(values)}"
            )
        column = values[session]
        if innovation and name in innovation:
            before = innovation[name][session, np.maximum(step - 1, 0)]
            column = np.where(step > 0, before, column)
        if name in log.labels.texts:
            column = np.concatenate([log.labels.texts[name], np.array([None], object)])[column]
        columns[name] = column
    return columns


def _labelled(numbers: np.ndarray, ids: Any) -> np.ndarray:
    return ids[numbers] if len(ids) else numbers


def _responses(log: Log, shown: np.ndarray) -> dict[str, np.ndarray]:
    """The columns of the response, [S, T, K] each."""
    if not tf.nest.flatten(log.response):
        return {}
    slate_shape, step_shape = log.shown.shape, log.shown.shape[:2]
    response, engagement = log.response, None
    if (isinstance(response, tuple) and not fields_of(response) and len(response) == 2) or {
        "choice",
        "engagement",
    } <= set(fields_of(response)):
        response, engagement = response
    columns: dict[str, np.ndarray] = {}
    if "purchased" in fields_of(response):
        columns["purchased"] = _array("response", _counts(response.purchased), "i", slate_shape)
        response = response.clicked
    clicked = _array("response", _counts(response), "i", step_shape, slate_shape)
    if clicked.ndim == 2:
        # K means no click. A number out of range becomes -1, which is refused below.
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
        values = _array("response", engagement, "f", step_shape, slate_shape)
        values = values if values.ndim == 3 else values[..., np.newaxis]
        columns["engagement"] = np.where(clicked == 1, values, np.float32(np.nan))
    return columns


def _rewards(log: Log) -> dict[str, np.ndarray]:
    """The column of rewards by position, or nothing if rewards are equal to clicks."""
    if isinstance(log.reward, tuple) or log.reward.shape != log.shown.shape:
        return {}
    clicked = showing.clicks(log)
    counted = log.counted
    if clicked is not None and (log.reward == clicked)[counted].all():
        return {}
    return {"reward": log.reward}


def _counts(value: Nest) -> Nest:
    """Clicks [S, T, K] that are floats, as click models draw them, as integers, with -1 for
    fractions. Any other value is returned as it is.
    """
    if not (isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.ndim == 3):
        return value
    return np.where(value == np.floor(value), value, -1).astype(np.int32)


def _array(name: str, value: Nest, kind: str, *shapes: Sequence[int]) -> np.ndarray:
    """Values as an array of integers ("i") or floats ("f"); other shapes raise a ValueError."""
    leaves = [np.asarray(leaf) for leaf in tf.nest.flatten(value)]
    if len(leaves) != 1 or leaves[0].dtype.kind != kind or leaves[0].shape not in shapes:
        allowed = f"{'integers' if kind == 'i' else 'floats'} {' or '.join(map(str, shapes))}"
        got = ", ".join(f"{leaf.dtype.name} {leaf.shape}" for leaf in leaves) or "nothing"
        raise ValueError(f"log.{name} must be {allowed} in a table, got {got}")
    return leaves[0]
