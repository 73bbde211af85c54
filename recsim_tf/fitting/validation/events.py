"""The events of logged sessions, and what a guess without a model may know before each."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.types import Nest
from recsim_tf.fitting.checks.dependence import document_ids
from recsim_tf.logs.log import Log
from recsim_tf.logs.tables.parsing import pandas

# Integers of so few values are categories.
_MOST_CATEGORIES = 20
_DECAY = 0.7  # of the memory of clicks, a step
_SMOOTHING = 5.0  # documents shown that the mean rate is worth


class Events(NamedTuple):
    """M events: documents that were shown, session by session and step by step."""

    clicked: np.ndarray  # bool [M]
    session: np.ndarray  # int64 [M]
    step: np.ndarray  # int64 [M]
    position: np.ndarray  # int64 [M]
    document: np.ndarray  # int64 [M], an id; 0 where documents are no ids
    profile: np.ndarray  # float64 [M, F], what is known of document and user
    # float64 [M, P], of the user's steps before this one, the same in any order of these
    past: np.ndarray
    order: np.ndarray  # float64 [M, Q], what depends on their order

    @classmethod
    def of(cls, log: Log, clicked: np.ndarray) -> "Events":
        """Of a log, with its clicks, bool [S, T, K]."""
        counted = log.shown & log.active[..., np.newaxis]
        session, step, position = np.nonzero(counted)
        clicked = clicked & counted
        ids = document_ids(log)
        document = np.zeros(len(session), np.int64) if ids is None else ids[counted]
        features = log.documents if ids is None else ()
        profile = [leaf[counted] for leaf in _leaves(features)]
        profile += [leaf[session] for leaf in _leaves(log.initial, log.num_sessions)]
        of_event = clicked[counted]
        return cls(
            of_event,
            session,
            step,
            position,
            document,
            np.concatenate(
                [np.zeros([len(session), 0]), *(_columns(leaf) for leaf in profile)], axis=1
            ),
            np.concatenate(
                [_past(clicked, counted)[session, step], _same(session, document, of_event)], axis=1
            ),
            _order(clicked)[session, step],
        )

    def take(self, rows: np.ndarray) -> "Events":
        """Those of these rows."""
        return Events(*(field[rows] for field in self))


def _leaves(nest: Nest, num_rows: int | None = None) -> list[np.ndarray]:
    """Arrays of numbers, complete ones."""
    found = [np.asarray(leaf) for leaf in tf.nest.flatten(nest)]
    return [
        leaf
        for leaf in found
        if leaf.dtype.kind in "iufb" and (num_rows is None or len(leaf) == num_rows)
    ]


def _columns(values: np.ndarray) -> np.ndarray:
    """float64 [M, F] of [M, ...]; integers of few values by category."""
    flat = values.reshape(len(values), -1)
    if flat.dtype.kind in "iu" and flat.shape[1] == 1:
        levels = np.unique(flat)
        if 2 < len(levels) <= _MOST_CATEGORIES:
            return (flat == levels).astype(np.float64)
    return flat.astype(np.float64)


def _before(values: np.ndarray) -> np.ndarray:
    """[S, T]: sums over the steps before."""
    return np.cumsum(values, axis=1) - values


def _past(clicked: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """float64 [S, T, 3]: documents shown, clicks and their smoothed rate, before each step."""
    shown = _before(counted.sum(axis=2, dtype=np.float64))
    clicks = _before(clicked.sum(axis=2, dtype=np.float64))
    mean = clicked.sum() / max(counted.sum(), 1)
    rate = (clicks + _SMOOTHING * mean) / (shown + _SMOOTHING)
    return np.stack([np.log1p(shown), np.log1p(clicks), rate], axis=2)


def _order(clicked: np.ndarray) -> np.ndarray:
    """float64 [S, T, 4]: the step, clicks of the step before, a fading memory of clicks, and steps
    since the last one.
    """
    by_step = clicked.sum(axis=2, dtype=np.float64)
    step = np.broadcast_to(np.arange(by_step.shape[1]), by_step.shape)
    last = np.pad(by_step, [(0, 0), (1, 0)])[:, :-1]
    lag = step[0] - 1 - step[0][:, np.newaxis]  # from the step of a row to before that of a column
    memory = by_step @ np.where(lag >= 0, _DECAY ** np.maximum(lag, 0), 0.0)
    since = step - np.maximum.accumulate(np.where(last > 0, step, -1), axis=1)
    return np.stack([np.log1p(step), last, memory, since], axis=2)


def _same(session: np.ndarray, document: np.ndarray, clicked: np.ndarray) -> np.ndarray:
    """float64 [M, 2]: how often the same document was shown and clicked before in the session."""
    events = pandas().DataFrame({"session": session, "document": document, "clicked": clicked})
    same = events.groupby(["session", "document"])["clicked"]
    return np.stack([same.cumcount(), same.cumsum() - clicked], axis=1).astype(np.float64)
