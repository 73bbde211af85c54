# SPDX-License-Identifier: Apache-2.0
"""Batches of the sessions of a log, each of sessions of similar lengths."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.types import Trajectory
from recsim_tf.core.runs.execution import traced_call
from recsim_tf.logs.lengths import groups_by_length
from recsim_tf.logs.log import Log, Sessions
from recsim_tf.logs.trajectories import concatenated, take_sessions

# The most sessions of a batch where a log is divided by lengths: its longest ones are few, and a
# batch is filled up.
_MOST_SESSIONS = 512


class Batch(NamedTuple):
    """Sessions that are scored at once."""

    trajectory: Trajectory  # [T, B, ...]
    rows: tf.Tensor  # int32 [B], their positions in the log
    weights: tf.Tensor  # [B], how often each counts: 0 for those that fill a batch up


class Choice(NamedTuple):
    """The sessions of [T, S, ...] that a batch takes."""

    taken: tf.Tensor  # int32 [B], positions in the sessions
    rows: tf.Tensor  # as of `Batch`
    weights: tf.Tensor

    def of(self, sessions: Trajectory, num_steps: int | None = None) -> Batch:
        return Batch(
            traced_call(take_sessions, sessions, self.taken, num_steps), self.rows, self.weights
        )


class Chosen(NamedTuple):
    """A batch that is not taken yet."""

    sessions: Trajectory  # [T, S, ...]
    choice: Choice
    num_steps: int  # that are taken of the sessions

    def batch(self) -> Batch:
        return self.choice.of(self.sessions, self.num_steps)


class _Shape(NamedTuple):
    """The shape of batches of sessions of similar lengths."""

    num_steps: int
    size: int  # sessions of a batch
    is_several: bool  # whether there is more than one batch


class _Group(NamedTuple):
    """The sessions of a piece of a log that have one shape."""

    sessions: Trajectory  # [T, S, ...]
    shape: _Shape
    positions: np.ndarray  # int [S], in the piece
    rows: np.ndarray  # int [D], sessions of the group that are scored in a sum over all of them
    counts: np.ndarray  # int [D], how often each of them counts


class Batches:
    """Batches of a log, from which a likelihood is summed.

    Args:
      log: the sessions.
      as_trajectory: a function that makes the trajectory [T, S, ...] of a log of S sessions.
      batch_size: sessions of a batch.
      dtype: the dtype of the weights.
      is_whole: whether sessions must not be divided by their lengths, since parameters differ
        between the rows of a batch.
      scores_once: whether sessions that are equal are one that counts as often.
    """

    def __init__(
        self,
        log: Sessions,
        as_trajectory: Callable[[Log], Trajectory],
        batch_size: int,
        dtype: tf.DType,
        is_whole: bool,
        scores_once: bool,
    ):
        self.log, self.batch_size, self._dtype = log, batch_size, dtype
        self._as_trajectory, self._scores_once = as_trajectory, scores_once
        self.shapes = self._shapes(is_whole)
        # Of a log in memory, which comes again in every pass.
        self._groups: tuple[Log, list[_Group]] | None = None
        self._whole: tuple[Log, Trajectory] | None = None

    @property
    def number(self) -> int:
        """Batches of one pass through the log at random."""
        return sum(-(-len(length) // self.batch_size) for length in self.log.lengths)

    def _shapes(self, is_whole: bool) -> list[_Shape]:
        """The shapes of sessions of similar lengths, the shortest first. There is one shape of
        sessions that must not be divided.
        """
        lengths = np.concatenate(self.log.lengths)
        groups = groups_by_length(lengths, 1 if is_whole else 8)
        if len(groups) == 1:
            is_several = len(lengths) > self.batch_size
            return [_Shape(self.log.max_length, self.batch_size, is_several)]
        size = min(self.batch_size, _MOST_SESSIONS)
        return [_Shape(int(lengths[group].max()), size, True) for group in groups]

    def _groups_of(self, log: Log) -> list[_Group]:
        """The groups of the sessions of a piece that have sessions."""
        if self._groups is None or self._groups[0] is not log:
            ends = [shape.num_steps for shape in self.shapes]
            shape_of_session = np.searchsorted(ends, log.length)
            groups = []
            for number, shape in enumerate(self.shapes):
                positions = np.flatnonzero(shape_of_session == number)
                if len(positions):
                    part = log
                    if len(self.shapes) > 1:
                        part = log.take(positions).pad(shape.num_steps)
                    rows, counts = np.arange(len(positions)), np.ones(len(positions), int)
                    if self._scores_once:
                        rows, counts = part.distinct()
                    sessions = self._as_trajectory(part)
                    groups.append(_Group(sessions, shape, positions, rows, counts))
            self._groups = log, groups
        return self._groups[1]

    def trajectory_of(self, log: Log) -> Trajectory:
        """All sessions of a piece, [T, S, ...]."""
        if len(self.shapes) == 1:
            (group,) = self._groups_of(log)
            return group.sessions
        if self._whole is None or self._whole[0] is not log:
            self._whole = log, self._as_trajectory(log)
        return self._whole[1]

    def by_length(self, distinct: bool = False) -> Iterator[Chosen]:
        """Batches by lengths, before they are taken. Where `distinct`, sessions that are equal may
        be one that counts as often.
        """
        first = 0
        for log in self.log.pieces():
            for group in self._groups_of(log):
                every = np.arange(len(group.positions))
                order, counts = every, np.ones_like(every)
                if distinct:
                    order, counts = group.rows, group.counts
                for start in range(0, len(order), group.shape.size):
                    taken, weights = _filled(order, counts, start, group.shape.size)
                    rows = first + group.positions[taken]
                    choice = self._choice(taken, rows, weights)
                    yield Chosen(group.sessions, choice, group.shape.num_steps)
            first += log.num_sessions

    def at_random(self, generator: np.random.Generator) -> Iterator[Chosen]:
        """Batches at random, all of one size, before they are taken."""
        first, ends = 0, [shape.num_steps for shape in self.shapes]
        for log in self.log.pieces():
            sessions, length = self.trajectory_of(log), log.length
            # Lengths that differ by a tenth or so count as similar.
            noise = np.exp(0.1 * generator.standard_normal(len(length)))
            order, counts = np.argsort(length * noise), np.ones(len(length), int)
            starts = np.arange(0, len(order), self.batch_size)
            for start in generator.permutation(starts):
                taken, weights = _filled(order, counts, start, self.batch_size)
                choice = self._choice(taken, first + taken, weights)
                end = ends[np.searchsorted(ends, length[taken].max())]
                yield Chosen(sessions, choice, end)
            first += len(length)

    def _choice(self, taken: np.ndarray, rows: np.ndarray, weights: np.ndarray) -> Choice:
        return Choice(
            tf.constant(taken, tf.int32),
            tf.constant(rows, tf.int32),
            tf.constant(weights, self._dtype),
        )


def _filled(
    order: np.ndarray, counts: np.ndarray, start: int, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Positions [B] of a batch in an order [D], and their weights: their counts, and 0 for those
    that fill the batch up.
    """
    taken, weights = (np.resize(values[start : start + size], size) for values in (order, counts))
    return taken, np.where(np.arange(start, start + size) >= len(order), 0, weights)


def together(several: Sequence[Chosen]) -> tuple[Trajectory, Choice]:
    """The sessions that several batches are taken from, and their choices [N, B]."""
    sessions = several[0].sessions
    choices = tf.nest.map_structure(
        lambda *leaves: tf.stack(leaves), *(chosen.choice for chosen in several)
    )
    if any(chosen.sessions is not sessions for chosen in several):
        # Of pieces, which may be much larger than what is taken from them.
        sessions = concatenated([chosen.batch().trajectory for chosen in several])
        taken = tf.reshape(tf.range(tf.size(choices.taken)), choices.taken.shape)
        choices = choices._replace(taken=taken)
    return sessions, choices
