# SPDX-License-Identifier: Apache-2.0
"""The numbers of a log that its examination reads, gathered in one pass over its pieces."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.types import Nest
from recsim_tf.logs.hashes import row_hashes
from recsim_tf.logs.log import DRAWS, Log, Sessions, recurring, session_digests, users_of
from recsim_tf.logs.showing import clicks
from recsim_tf.logs.tables.parsing import per_day

_PER_DAY = 86_400e9  # nanoseconds


@dataclasses.dataclass(frozen=True)
class Columns:
    """Numbers of S sessions with n steps in all. An unknown field is ().

    The step fields hold the steps of all sessions one after the other, and `session` tells to which
    session a step belongs.
    """

    length: np.ndarray  # int64 [S]
    session: np.ndarray  # int64 [n], position of the step's session
    is_first: np.ndarray  # bool [n], whether the step is the first of its session
    shown: np.ndarray  # bool [n, K], positions with a document
    # int64 [n, K], positions among the candidates, or numbers of documents; -1 at empty positions
    slate: Any
    # int64 [n, K], numbers of the documents where they have ids, else as `slate`
    documents: Any
    num_candidates: Any  # int, or () where candidates are unknown
    context: np.ndarray  # uint64 [n], a hash of what a policy may have read before the slate
    content: np.ndarray  # uint64 [S], a hash of the draws and the propensities of the session
    propensity: Any  # float64 [n], probabilities of the slates
    clicked: Any  # bool [n, K]
    reward: Any  # float64 [n, J], rewards of positions or of slates
    time: Any  # float64 [n], in days
    are_days: bool  # whether a unit of `time` is a day; else times are of an unknown unit
    users: Any  # int64 [S], the user of each session; () where no user has several sessions
    ids: Any  # int64 [S], the number of each session's id; () where no id is there twice

    @classmethod
    def of(cls, log: Sessions) -> "Columns":
        """The numbers of a log, or of a log in pieces."""
        parts = [_of_piece(piece) for piece in log.pieces()]
        labels = [part.pop("labels") for part in parts]
        numbers = {part.pop("num_candidates") for part in parts}
        whole = {name: _joined([part[name] for part in parts]) for name in parts[0]}
        length = whole["length"].astype(np.int64)
        firsts = np.cumsum(length) - length
        is_first = np.zeros(int(length.sum()), bool)
        is_first[firsts] = True
        time, are_days = _days(whole.pop("time"), labels[0].dates)
        return cls(
            session=np.repeat(np.arange(len(length)), length),
            is_first=is_first,
            num_candidates=max(numbers) if () not in numbers else (),
            time=time,
            are_days=are_days,
            users=users_of(labels),
            ids=recurring([label.session for label in labels]),
            **{**whole, "length": length},
        )

    @property
    def num_sessions(self) -> int:
        """The number of sessions, S."""
        return len(self.length)

    @functools.cached_property
    def returns(self) -> np.ndarray:
        """The sums of the rewards of the sessions, float64 [S]."""
        return self.by_session(self.reward.sum(1))

    @functools.cached_property
    def begins(self) -> np.ndarray:
        """The times at which sessions begin, float64 [S]."""
        return self.time[self.is_first]

    @functools.cached_property
    def independent(self) -> np.ndarray:
        """The places of steps of different users, int64 [U]: the first step of a session each."""
        firsts = np.flatnonzero(self.is_first)
        if isinstance(self.users, tuple):
            return firsts
        return firsts[np.unique(self.users, return_index=True)[1]]

    @functools.cached_property
    def num_slates(self) -> Any:
        """The number of slates that the candidates allow at each step, float64 [n]; () where
        candidates are unknown.
        """
        if isinstance(self.num_candidates, tuple):
            return ()
        choices = self.num_candidates - np.arange(self.shown.shape[1], dtype=np.float64)
        sizes = np.concatenate([[1.0], np.cumprod(np.maximum(choices, 1.0))])
        return sizes[self.shown.sum(axis=1)]

    @functools.cached_property
    def first_cells(self) -> np.ndarray:
        """A hash of the context and the slate of the first step of each session, uint64 [S]."""
        leaves = [self.first_steps(self.context), self.first_steps(self.slate)]
        return row_hashes(leaves, self.num_sessions)

    def by_session(self, values: np.ndarray) -> np.ndarray:
        """Sums over the steps of each session, float64 [S], of values [n]."""
        return np.bincount(self.session, values, self.num_sessions)

    def first_steps(self, values: np.ndarray) -> np.ndarray:
        """The values [S, ...] of the first steps of sessions, of values [n, ...]."""
        return values[self.is_first]


def _of_piece(log: Log) -> dict[str, Any]:
    """The fields of `Columns` that are joined over pieces, and the labels."""
    if isinstance(log.slate, tuple):
        log.require("logs.examine", "shown")
    active = log.active
    shown = log.shown if not isinstance(log.shown, tuple) else log.slate >= 0
    documents = _document_numbers(log)
    slate = documents if isinstance(log.slate, tuple) else log.slate
    documents = slate if isinstance(documents, tuple) else documents
    propensity = log.propensity.slate
    if isinstance(propensity, tuple) and log.slate_size == 1:
        position = log.propensity.position
        propensity = position if isinstance(position, tuple) else position[..., 0]
    clicked, times = clicks(log), log.labels.time
    return {
        "length": log.length,
        "shown": shown[active],
        "slate": slate if isinstance(slate, tuple) else slate[active].astype(np.int64),
        "documents": () if isinstance(documents, tuple) else documents[active].astype(np.int64),
        "num_candidates": () if isinstance(log.candidates, tuple) else log.candidates.shape[2],
        "context": _context(log),
        "content": session_digests(log, (*DRAWS, "slate", "reward", "propensity")),
        "propensity": ()
        if isinstance(propensity, tuple)
        else np.exp(propensity[active].astype(np.float64)),
        "clicked": () if clicked is None else (clicked & shown)[active],
        "reward": () if isinstance(log.reward, tuple) else log.reward[active].astype(np.float64),
        "time": () if isinstance(times, tuple) else _first_times(times, shown)[active],
        "labels": log.labels,
    }


def _joined(parts: Sequence[Any]) -> Any:
    if isinstance(parts[0], tuple):
        return ()
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def _document_numbers(log: Log) -> Any:
    """The numbers of the documents shown, int [S, T, K]; () where documents have no ids."""
    if not len(log.labels.document) or not isinstance(log.documents, np.ndarray):
        return ()
    return np.where(log.shown, log.documents, -1)


def _first_times(times: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """The earliest time of each slate, float64 [S, T]."""
    times = np.asarray(times, np.float64)
    earliest = np.where(shown, times, np.inf).min(axis=2)
    return np.where(np.isfinite(earliest), earliest, times.min(axis=2))


def _days(times: Any, are_dates: bool) -> tuple[Any, bool]:
    """Times in days since 1970, and whether their unit is known to be that."""
    if isinstance(times, tuple):
        return (), False
    unit = _PER_DAY if are_dates else float(per_day(np.max(times, initial=0.0)))
    return (times, False) if np.isnan(unit) else (times / unit, True)


def _context(log: Log) -> np.ndarray:
    """A hash of the users, the observations, the candidates and the context of each step."""
    number = log.num_sessions
    of_users = row_hashes(_leaves(log.initial), number)
    by_step = np.broadcast_to(of_users[:, np.newaxis], log.active.shape)
    leaves = _leaves([log.observation, log.innovation, log.candidates])
    flat = [leaf[log.active] for leaf in leaves if leaf.shape[:2] == log.active.shape]
    return row_hashes([by_step[log.active], *flat], log.num_steps)


def _leaves(nest: Nest) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in tf.nest.flatten(nest)]
