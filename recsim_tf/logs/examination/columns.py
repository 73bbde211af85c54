"""The numbers of a log that its examination reads, gathered in one pass over its pieces."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.types import Nest
from recsim_tf.logs.log import DRAWS, Log, Sessions, users_of
from recsim_tf.logs.showing import clicks

_FEWEST_SECONDS, _MOST_SECONDS = 1e9, 1e10  # of times that are numbers, seconds since 1970
_PER_DAY = {"seconds": 86_400.0, "milliseconds": 86_400e3, "nanoseconds": 86_400e9}


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
    slate: Any  # int64 [n, K], candidates or documents shown; -1 at empty positions
    num_candidates: Any  # int, or () where candidates are unknown
    context: np.ndarray  # uint64 [n], a hash of what a policy may have read before the slate
    content: np.ndarray  # uint64 [S], a hash of the draws and the propensities of the session
    propensity: Any  # float64 [n], probabilities of the slates
    clicked: Any  # bool [n, K]
    reward: Any  # float64 [n, J], rewards of positions or of slates
    time: Any  # float64 [n], in days
    are_days: bool  # whether a unit of `time` is a day; else times are of an unknown unit
    users: Any  # int64 [S], the user of each session; () where no user has several sessions

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
    def num_slates(self) -> np.ndarray:
        """The number of slates that could have been shown at each step, float64 [n]. Documents
        that are never shown count only where candidates are known.
        """
        number = self.num_candidates
        if isinstance(number, tuple):
            number = len(np.unique(self.slate[self.shown]))
        size = self.shown.sum(1)
        counts = np.cumprod(np.maximum(number - np.arange(self.shown.shape[1] + 1.0), 1.0))
        return np.where(size > 0, counts[np.maximum(size, 1) - 1], 1.0)

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
    active = log.active
    shown = log.shown if not isinstance(log.shown, tuple) else log.slate >= 0
    slate = log.slate if not isinstance(log.slate, tuple) else _document_numbers(log)
    propensity = log.propensity.slate
    if isinstance(propensity, tuple) and log.slate_size == 1:
        position = log.propensity.position
        propensity = position if isinstance(position, tuple) else position[..., 0]
    clicked, times = clicks(log), log.labels.time
    return {
        "length": log.length,
        "shown": shown[active],
        "slate": slate if isinstance(slate, tuple) else slate[active].astype(np.int64),
        "num_candidates": () if isinstance(log.candidates, tuple) else log.candidates.shape[2],
        "context": _context(log),
        "content": _content(log),
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
    """The numbers of the documents shown, int [S, T, K]; () where documents have no numbers."""
    documents = log.documents
    is_number = isinstance(documents, np.ndarray) and documents.dtype.kind in "iu"
    if not is_number or documents.ndim != 3:
        return ()
    return np.where(log.shown, documents, -1)


def _first_times(times: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """The earliest time of each slate, float64 [S, T]."""
    known = np.where(shown, np.asarray(times, np.float64), np.inf)
    return known.min(axis=2)


def _days(times: Any, are_dates: bool) -> tuple[Any, bool]:
    """Times in days since 1970, and whether their unit is known to be that."""
    if isinstance(times, tuple):
        return (), False
    largest = float(np.max(times, initial=0.0))
    unit = None
    if are_dates:
        unit = "nanoseconds"
    elif _FEWEST_SECONDS <= largest < _MOST_SECONDS:
        unit = "seconds"
    elif 1e3 * _FEWEST_SECONDS <= largest < 1e3 * _MOST_SECONDS:
        unit = "milliseconds"
    return (times, False) if unit is None else (times / _PER_DAY[unit], True)


def _context(log: Log) -> np.ndarray:
    """A hash of the users, the observations, the candidates and the context of each step."""
    number = log.num_sessions
    of_users = row_hashes(_leaves(log.initial), number)
    by_step = np.broadcast_to(of_users[:, np.newaxis], log.active.shape)
    leaves = _leaves([log.observation, log.innovation, log.candidates])
    flat = [leaf[log.active] for leaf in leaves if leaf.shape[:2] == log.active.shape]
    return row_hashes([by_step[log.active], *flat], log.num_steps)


def _content(log: Log) -> np.ndarray:
    """A hash of each session, up to its end, that ids do not change."""
    leaves = []
    for name in (*DRAWS, "slate", "reward", "propensity", "target"):
        for leaf in _leaves(getattr(log, name)):
            if leaf.shape[:2] == log.active.shape:
                leaf = log.where_active(leaf)
            leaves.append(leaf)
    return row_hashes(leaves, log.num_sessions)


def _leaves(nest: Nest) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in tf.nest.flatten(nest)]


def row_hashes(leaves: Sequence[np.ndarray], num_rows: int) -> np.ndarray:
    """A hash of each row of arrays [R, ...], uint64 [R]. Equal rows have equal hashes, and other
    rows have other hashes but for a probability of about 1e-9 a pair (multilinear hashing, Carter
    & Wegman 1979).
    """
    total = np.zeros(num_rows, np.uint64)
    rng = np.random.default_rng(0)
    for leaf in leaves:
        size = leaf.size // max(num_rows, 1) * leaf.itemsize
        padded = np.zeros([num_rows, -(-size // 4) * 4], np.uint8)
        padded[:, :size] = np.ascontiguousarray(leaf).reshape(num_rows, -1).view(np.uint8)
        for word in padded.view(np.uint32).T:
            total += word * rng.integers(1, 2**63, dtype=np.uint64)
        total ^= total >> np.uint64(29)
    return total
