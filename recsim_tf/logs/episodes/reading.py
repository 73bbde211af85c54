# SPDX-License-Identifier: Apache-2.0
"""Conversion of logs to trajectories."""

import functools
import itertools
import os
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.corpora import map_corpora
from recsim_tf.core.base.types import Nest, Trajectory, Transition
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.logs.episodes.records import check_form, has_feature, parse, stored_spec
from recsim_tf.logs.episodes.session import Session, allowed_values, check_values, session_spec
from recsim_tf.support.errors import printable

_DAMAGED = "the file is damaged or cut short here, or is not a TFRecord file"
_MANY = 50  # records for which compiling their decoder saves time


class ReadError(ValueError):
    """A record that is damaged, or is not a session of the simulator.

    Args:
      path: the file.
      record: number of the record, from 0.
      reason: the fault of the record.
      episodes: the `Episodes` of the `record` sessions before it.
    """

    def __init__(self, path: str, record: int, reason: str, episodes: "Episodes"):
        super().__init__(f"{path}, record {record}: {printable(reason)}")
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

    @property
    def shared(self) -> bool:
        """True if the users of a world share a corpus."""
        return self._simulator.documents.shared

    def dataset(self) -> tf.data.Dataset:
        """`Session` nests of different lengths, which are read from the file in its order."""
        return self._parsed(self._spec)

    def trajectory(self) -> Trajectory:
        """The trajectory of all sessions, [T, B, ...], where T is the length of the longest
        session. If users share a corpus, the users of each world stand side by side in the file.

        Active steps are those of the trajectory that was written. Steps after the end of a shorter
        session are inactive, with reward zero, and repeat its last step, so that `log_prob` and its
        gradients are those of the original. Raises a ValueError if there are no sessions, or if
        they do not fill whole worlds.
        """
        if not self.num_sessions:
            raise ValueError(f"{self.path} has no sessions to make a trajectory of")
        trajectory, lengths = self._stacked(list(self._sessions()))
        if self.shared:
            trajectory = self._of_worlds(trajectory, lengths)
        return tf.nest.map_structure(tf.convert_to_tensor, trajectory)

    def _of_worlds(self, trajectory: Trajectory, lengths: np.ndarray) -> Trajectory:
        """The trajectory with one row of the corpora's draws for each world."""
        size = self._simulator.corpora.size(len(lengths))
        # The longest session of a world contains all draws of its corpus.
        rows = lengths.reshape(-1, size).argmax(axis=1) + size * np.arange(len(lengths) // size)
        draws = map_corpora(lambda leaf: leaf[:, rows], trajectory.transitions.draws)
        return trajectory._replace(
            initial=map_corpora(lambda leaf: leaf.numpy()[rows], trajectory.initial),
            transitions=trajectory.transitions._replace(draws=draws),
        )

    def observed(self) -> tuple[Nest, Nest, Nest]:
        """The observations of users and of candidates before each step, nests of [T, B, ...], and
        the log-probabilities of the slates up to each position, [T, B, K], or () if the file has
        none. Steps after the end of a session repeat its last step.
        """
        sessions = list(self.dataset().as_numpy_iterator())
        lengths = np.array([len(session.reward) for session in sessions])
        rows = [(each.user, each.documents, each.log_prob) for each in sessions]
        return tf.nest.map_structure(lambda *leaves: _side_by_side(leaves, lengths), *rows)

    def trajectories(self, num_sessions: int) -> Iterator[Trajectory]:
        """Trajectories of `num_sessions` sessions each. The last one has the remaining sessions. If
        users share a corpus, each session is its own world. The file is read during the iteration.
        Raises a ValueError if users share a corpus whose state documents depend on.
        """
        self._simulator.by_session("an episode log that is read in pieces")
        sessions = self._sessions()
        while piece := list(itertools.islice(sessions, num_sessions)):
            yield tf.nest.map_structure(tf.convert_to_tensor, self._stacked(piece)[0])

    def _sessions(self) -> Iterator[Session]:
        return iter(self._unobserved.as_numpy_iterator())

    @functools.cached_property
    def _unobserved(self) -> tf.data.Dataset:
        """The dataset of sessions without observations, which can be recomputed from the draws. It
        is cached, since its parser is compiled.
        """
        return self._parsed(self._spec._replace(user=(), documents=()))

    @staticmethod
    def _stacked(sessions: list[Session]) -> tuple[Trajectory, np.ndarray]:
        """A trajectory of NumPy arrays, and the lengths [B]."""
        lengths = np.array([len(session.reward) for session in sessions])
        initial = tf.nest.map_structure(
            lambda *rows: tf.stack(rows), *(session.initial for session in sessions)
        )
        rows = [session._replace(initial=()) for session in sessions]  # type: ignore[arg-type]
        stacked = tf.nest.map_structure(lambda *leaves: _side_by_side(leaves, lengths), *rows)
        active = np.arange(lengths.max())[:, np.newaxis] < lengths
        transitions = Transition(
            slate=stacked.slate,
            draws=stacked.draws,
            response=stacked.response,
            reward=np.where(active, stacked.reward, 0),
            active=active,
            terminated=active & stacked.is_terminal,
            truncated=active & stacked.is_truncated,
            query=stacked.query,
        )
        return Trajectory(initial, transitions, ()), lengths

    def _parsed(self, spec: Session) -> tf.data.Dataset:
        return (
            tf.data.TFRecordDataset(self.path)
            .take(self.num_sessions)
            .map(tf.autograph.experimental.do_not_convert(functools.partial(parse, spec=spec)))
        )


def read(path: str | os.PathLike, simulator: Simulator) -> Episodes:
    """Opens a log, and checks all of its records.

    Args:
      path: the file.
      simulator: a simulator like the one of the log: the same models, sizes and dtype. The values
        of its parameters may differ, if the draws are possible under them. Where a parameter is a
        tensor [B], the log must have B sessions.

    Raises:
      FileNotFoundError: if there is no such file.
      OSError: if it cannot be read.
      ReadError: for a file that is cut short or is not a TFRecord file; for a record that is not a
        session, with the feature that is missing, unknown or of another size or dtype; and for a
        value that is NaN, infinite or out of range, or an end before the last step. Its `episodes`
        are the sessions before the record.
    """
    path = os.fspath(path)
    if not tf.io.gfile.exists(path):
        raise FileNotFoundError(f"there is no episode log {path}")
    num_whole, damage = _count(path)
    spec = session_spec(simulator, max(num_whole, 1))
    if num_whole and has_feature(path, "log_prob"):
        spec = spec._replace(log_prob=tf.TensorSpec(spec.slate.shape, tf.float32))
    whole = Episodes(path, simulator, spec, num_whole)
    allowed = allowed_values(simulator, spec)
    as_stored = stored_spec(spec)

    def stored(serialized: tf.Tensor) -> Session:
        return parse(serialized, as_stored)

    if num_whole > _MANY:
        stored = compiled(stored)
    is_last = False
    for number, serialized in enumerate(tf.data.TFRecordDataset(path).take(num_whole)):
        try:
            is_last = check_form(serialized.numpy(), spec)
            values = tf.nest.map_structure(lambda leaf: leaf.numpy(), stored(serialized))
            check_values(values, allowed)
        except ValueError as error:
            before = Episodes(path, simulator, spec, number)
            raise ReadError(path, number, str(error), before) from error
    if damage or not is_last:
        problem = damage or "the file ends here, before its last session"
        raise ReadError(path, num_whole, problem, whole)
    return whole


def _count(path: str) -> tuple[int, str]:
    """The number of whole records, and a description of the fault after them, or ""."""
    count = 0
    try:
        for _ in tf.data.TFRecordDataset(path):
            count += 1
    except tf.errors.DataLossError:
        return count, _DAMAGED
    except tf.errors.OpError as error:
        raise OSError(f"cannot read {path}: {error.message}") from error
    return count, ""


def _side_by_side(rows: tuple[np.ndarray, ...], lengths: np.ndarray) -> np.ndarray:
    """Stacks arrays [T_b, ...] into [T, B, ...], and repeats the last step of each to its end."""
    stacked = np.empty((lengths.max(), len(rows), *rows[0].shape[1:]), rows[0].dtype)
    for user, row in enumerate(rows):
        stacked[: len(row), user] = row
        stacked[len(row) :, user] = row[-1]
    return stacked
