# SPDX-License-Identifier: Apache-2.0
"""The events of logged sessions, and what a guess without a model may know before each."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.types import Nest
from recsim_tf.core.nests import fields_of
from recsim_tf.fitting.validation.outcomes import ids_of
from recsim_tf.logs.log import Log
from recsim_tf.logs.tables.parsing import pandas

_DECAY = 0.7  # of the memory of clicks, a step
_SMOOTHING = 5.0  # documents shown that the mean rate is worth


class Events(NamedTuple):
    """M events: documents that were shown, session by session and step by step."""

    clicked: np.ndarray  # bool [M]
    session: np.ndarray  # int64 [M]
    step: np.ndarray  # int64 [M]
    position: np.ndarray  # int64 [M]
    document: np.ndarray  # int64 [M], an id; 0 where documents are no ids
    # float64 [M, F], what is known of the document, the user and the moment: all that models are
    # given beside ids
    profile: np.ndarray
    # float64 [M, P], of the user's steps before this one, the same in any order of these
    past: np.ndarray
    order: np.ndarray  # float64 [M, Q], what depends on their order
    above: np.ndarray  # float64 [M, A], of the clicks above it on the same slate

    @classmethod
    def of(cls, log: Log, clicked: np.ndarray) -> "Events":
        """The events of a log, with its clicks, bool [S, T, K]."""
        counted = log.counted
        session, step, position = np.nonzero(counted)
        clicked = clicked & counted
        ids = ids_of(log.documents)
        has_ids = not isinstance(ids, tuple)
        document = ids[counted] if has_ids else np.zeros(len(session), np.int64)
        features = () if has_ids else log.documents
        profile = [leaf[counted] for leaf in _leaves([features, log.hidden])]
        profile += [leaf[session, step] for leaf in _leaves(log.query)]
        initial, innovation = _by_name(log.initial), _by_name(log.innovation, "change")
        initial = {name: leaf for name, leaf in initial.items() if len(leaf) == log.num_sessions}
        for name, leaf in innovation.items():
            first = initial.pop(name, np.zeros_like(leaf[:, 0]))
            profile.append(_from(first, leaf)[session, step])
        profile += [leaf[session] for leaf in initial.values()]
        of_event = clicked[counted]
        return cls(
            of_event,
            session,
            step,
            position,
            document,
            _columns(profile, len(session)),
            np.concatenate(
                [_past(clicked, counted)[session, step], _same(session, document, of_event)], axis=1
            ),
            _order(clicked)[session, step],
            _above(clicked)[session, step, position],
        )

    def take(self, rows: np.ndarray) -> "Events":
        """The events at `rows`, integers or bool."""
        return Events(*(field[rows] for field in self))


def _leaves(nest: Nest) -> list[np.ndarray]:
    """Arrays of numbers."""
    leaves = [np.asarray(leaf) for leaf in tf.nest.flatten(nest)]
    return [leaf for leaf in leaves if leaf.dtype.kind in "iufb"]


def _columns(leaves: list[np.ndarray], number: int) -> np.ndarray:
    """Arrays [M, ...] as a table float64 [M, F], with 0 for unknown values."""
    flat = [np.asarray(leaf, np.float64).reshape(number, -1) for leaf in leaves]
    return np.nan_to_num(np.concatenate([np.zeros([number, 0]), *flat], axis=1))


def _before(values: np.ndarray) -> np.ndarray:
    """The sums over the steps before, [S, T]."""
    return np.cumsum(values, axis=1) - values


def _past(clicked: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """The documents shown, the clicks and the click rate before each step, float64 [S, T, 3]."""
    shown = _before(counted.sum(axis=2, dtype=np.float64))
    clicks = _before(clicked.sum(axis=2, dtype=np.float64))
    mean = clicked.sum() / max(counted.sum(), 1)
    rate = (clicks + _SMOOTHING * mean) / (shown + _SMOOTHING)
    return np.stack([np.log1p(shown), np.log1p(clicks), rate], axis=2)


def _order(clicked: np.ndarray) -> np.ndarray:
    """The number of the step, the clicks of the step before, a fading memory of clicks, and the
    steps since the last click, float64 [S, T, 4].
    """
    by_step = clicked.sum(axis=2, dtype=np.float64)
    step = np.broadcast_to(np.arange(by_step.shape[1]), by_step.shape)
    last = np.pad(by_step, [(0, 0), (1, 0)])[:, :-1]
    lag = step[0] - 1 - step[0][:, np.newaxis]  # from the step of a row to before that of a column
    memory = by_step @ np.where(lag >= 0, _DECAY ** np.maximum(lag, 0), 0.0)
    since = step - np.maximum.accumulate(np.where(last > 0, step, -1), axis=1)
    return np.stack([np.log1p(step), last, memory, since], axis=2)


def _by_name(nest: Nest, title: str = "") -> dict[str, np.ndarray]:
    """Arrays of numbers by their names, or by a title where they have none."""
    parts = (nest if isinstance(nest, Mapping) else fields_of(nest)) or {title: nest}
    return {
        f"{name}/{number}": leaf
        for name, part in parts.items()
        for number, leaf in enumerate(_leaves(part))
    }


def _from(first: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The values that are known before each step, [S, T, ...], from those that are known first [S,
    ...], such as the context of the first step, and those that come after each step, [S, T, ...].
    """
    return np.concatenate([first[:, np.newaxis], after[:, :-1]], axis=1)


def _above(clicked: np.ndarray) -> np.ndarray:
    """The clicks above each position, and the positions since the last of them, 0 where there is
    none, float64 [S, T, K, 2].
    """
    position = np.arange(clicked.shape[2])
    last = np.maximum.accumulate(np.where(clicked, position, -1), axis=2)
    last = np.concatenate([np.full_like(last[..., :1], -1), last[..., :-1]], axis=2)
    number = np.cumsum(clicked, axis=2) - clicked
    return np.stack([number, np.where(last < 0, 0, position - last)], axis=3).astype(np.float64)


def _same(session: np.ndarray, document: np.ndarray, clicked: np.ndarray) -> np.ndarray:
    """The numbers of times that the same document was shown and clicked before in the session,
    float64 [M, 2].
    """
    events = pandas().DataFrame({"session": session, "document": document, "clicked": clicked})
    same = events.groupby(["session", "document"])["clicked"]
    return np.stack([same.cumcount(), same.cumsum() - clicked], axis=1).astype(np.float64)
