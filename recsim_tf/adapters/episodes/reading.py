"""Logs to trajectories."""

import functools
import itertools
import os
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from recsim_tf.adapters.episodes.records import check, parse
from recsim_tf.adapters.episodes.session import Session, first_positions, session_spec
from recsim_tf.core import random
from recsim_tf.core.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import InitialDraws, Trajectory, Transition


class ReadError(ValueError):
    """A record that is damaged, or not of the simulator's sessions.

    Args:
      path: the file.
      record: number of the record, from 0.
      reason: what is wrong with it.
      episodes: the `Episodes` before it, `record` sessions.
    """

    def __init__(self, path: str, record: int, reason: str, episodes: "Episodes"):
        super().__init__(f"{path}, record {record}: {reason}")
        self.path = path
        self.record = record
        self.episodes = episodes


class Episodes:
    """The sessions of a log; `read` makes it.

    Args:
      path: the file.
      simulator: the simulator.
      spec: a `Session` of `tf.TensorSpec` without the time axis.
      num_sessions: sessions to take from the start of the file.
    """

    def __init__(self, path: str, simulator: Simulator, spec: Session, num_sessions: int):
        self.path = path
        self.num_sessions = num_sessions
        self._simulator = simulator
        self._spec = spec

    def dataset(self) -> tf.data.Dataset:
        """A dataset of `Session` nests in the order of the file, each of its own length T, read
        from the file as it is iterated.
        """
        return self._parsed(self._spec)

    def trajectory(self) -> Trajectory:
        """The trajectory of all sessions, [T, B, ...] with T the longest session's length.

        On active steps it is the one that was written. Steps after the end of a shorter session are
        inactive, with reward zero and draws that the models could have made there, so that
        `log_prob` and its gradients are those of the original.

        Raises:
          ValueError: if there are no sessions.
        """
        if not self.num_sessions:
            raise ValueError(f"{self.path} has no sessions to make a trajectory of")
        trajectory, lengths = self._stacked(list(self._sessions()))
        if not trajectory.transitions.active.all():
            trajectory = trajectory._replace(
                transitions=self._fill_inactive(trajectory.initial, trajectory.transitions, lengths)
            )
        return tf.nest.map_structure(tf.convert_to_tensor, trajectory)

    def trajectories(self, num_sessions: int) -> Iterator[Trajectory]:
        """Trajectories of `num_sessions` sessions each, the last of those left, read from the file
        as they are iterated.

        Steps after the end of a session are zeros, unlike those of `trajectory`, and may be
        impossible under the models.
        """
        sessions = self._sessions()
        while piece := list(itertools.islice(sessions, num_sessions)):
            yield tf.nest.map_structure(tf.convert_to_tensor, self._stacked(piece)[0])

    def _sessions(self) -> Iterator[Session]:
        return iter(self._unobserved.as_numpy_iterator())

    @functools.cached_property
    def _unobserved(self) -> tf.data.Dataset:
        """Sessions without what was observed, which is recomputed from the draws when it is needed.
        Kept, since its parser is compiled.
        """
        return self._parsed(self._spec._replace(user=(), documents=()))

    @staticmethod
    def _stacked(sessions: list[Session]) -> tuple[Trajectory, np.ndarray]:
        """A trajectory of NumPy arrays, zeros after the end of each session, and the lengths
        [B].
        """
        lengths = np.array([len(session.reward) for session in sessions])
        initial = tf.nest.map_structure(
            lambda *rows: tf.stack(rows), *(session.initial for session in sessions)
        )
        active = np.arange(lengths.max())[:, np.newaxis] < lengths
        rows = [session._replace(initial=()) for session in sessions]  # type: ignore[arg-type]
        stacked = tf.nest.map_structure(lambda *leaves: _padded(leaves, lengths), *rows)
        transitions = Transition(
            slate=stacked.slate,
            draws=stacked.draws,
            response=stacked.response,
            reward=stacked.reward,
            active=active,
            terminated=stacked.is_terminal,
            truncated=stacked.is_truncated,
        )
        return Trajectory(initial, transitions, ()), lengths

    def _parsed(self, spec: Session) -> tf.data.Dataset:
        return (
            tf.data.TFRecordDataset(self.path)
            .take(self.num_sessions)
            .map(lambda serialized: parse(serialized, spec))
        )

    def _fill_inactive(
        self, initial: InitialDraws, transitions: Transition, lengths: np.ndarray
    ) -> Transition:
        """Fills the inactive steps, zeros so far, with a step that the simulator makes after the
        end of each session.

        Zeros may lie outside of a distribution's support, where the gradient of a log-probability
        is NaN even if it does not count.
        """

        @compiled
        def step_after_the_end(initial, transitions, lengths):
            one_more = tf.nest.map_structure(
                lambda leaf: tf.concat([leaf, leaf[-1:]], axis=0), transitions
            )
            states = self._simulator.replay(Trajectory(initial, one_more, ()))
            ends = tf.stack([lengths, tf.range(self.num_sessions)], axis=1)
            state = tf.nest.map_structure(lambda leaf: tf.gather_nd(leaf, ends), states)
            return self._simulator.step(
                state, first_positions(self._simulator, self.num_sessions), random.as_seed(0)
            )[1]

        tensors = tf.nest.map_structure(tf.convert_to_tensor, transitions)
        filler = step_after_the_end(initial, tensors, tf.constant(lengths, tf.int32))

        def fill(leaf, filler_leaf):
            active = transitions.active.reshape(transitions.active.shape + (1,) * (leaf.ndim - 2))
            return np.where(active, leaf, filler_leaf.numpy())

        filled = tf.nest.map_structure(fill, transitions, filler)
        return transitions._replace(
            slate=filled.slate, draws=filled.draws, response=filled.response
        )


def read(path: str | os.PathLike, simulator: Simulator) -> Episodes:
    """Opens a log, and checks all of its records.

    Args:
      path: the file.
      simulator: a simulator like the one of the log: the same models, sizes and dtype. The values
        of its parameters may differ. Where a parameter is a tensor [B], the log must have B
        sessions.

    Raises:
      FileNotFoundError: if there is no such file.
      ReadError: for a file that is cut short or is no TFRecord file, and for a record of something
        else, with the feature that is missing, unknown or of another size or dtype; its `episodes`
        are those before the record.
    """
    path = os.fspath(path)
    if not tf.io.gfile.exists(path):
        raise FileNotFoundError(f"there is no episode log {path}")
    num_whole, damage = 0, ""
    for _, damage in _records(path):
        num_whole += not damage
    spec = session_spec(simulator, max(num_whole, 1))
    is_last = False
    for record, (serialized, damage) in enumerate(_records(path)):
        problem = damage
        if not problem:
            problem, is_last = check(serialized, spec)
        if problem:
            raise ReadError(path, record, problem, Episodes(path, simulator, spec, record))
    if not is_last:
        raise ReadError(
            path,
            num_whole,
            "the file ends here, before its last session",
            Episodes(path, simulator, spec, num_whole),
        )
    return Episodes(path, simulator, spec, num_whole)


def _records(path: str) -> Iterator[tuple[bytes, str]]:
    """The records of a file as (record, ""); if they end in damage, the last item is (b"", what is
    wrong).
    """
    try:
        yield from (
            (serialized, "") for serialized in tf.data.TFRecordDataset(path).as_numpy_iterator()
        )
    except tf.errors.DataLossError:
        yield b"", "the file is damaged or cut short here, or is no TFRecord file"


def _padded(rows: tuple[np.ndarray, ...], lengths: np.ndarray) -> np.ndarray:
    """Stacks arrays [T_b, ...] into [T, B, ...], with zeros after the end of each."""
    stacked = np.zeros((lengths.max(), len(rows), *rows[0].shape[1:]), rows[0].dtype)
    for user, row in enumerate(rows):
        stacked[: len(row), user] = row
    return stacked
