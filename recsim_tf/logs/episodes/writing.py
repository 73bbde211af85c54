# SPDX-License-Identifier: Apache-2.0
"""Conversion of trajectories to logs."""

import os
from pathlib import Path
from typing import IO

import numpy as np
import tensorflow as tf
import tree

from recsim_tf.core import nests
from recsim_tf.core.base.arguments import checked
from recsim_tf.core.base.corpora import map_corpora
from recsim_tf.core.base.types import Nest, Trajectory
from recsim_tf.core.runs.execution import compiled, traced_call
from recsim_tf.core.simulator import Simulator
from recsim_tf.logs.episodes.records import IS_LAST, example_of
from recsim_tf.logs.episodes.session import Session, name_of
from recsim_tf.support.files import UNFINISHED, storing
from recsim_tf.support.locks import lock, release


class Writer:
    """Writes a log in pieces. The whole file appears when the context ends without an error; after
    an error there is no file.

        with episodes.Writer(path, simulator) as writer:
            writer.add(trajectory)

    Args:
      path: the file; its folder is created if it does not exist.
      simulator: the simulator of the trajectories.

    Raises:
      FileExistsError: if the file exists, at once.
      ValueError: if `simulator` is not a Simulator.
    """

    @checked
    def __init__(self, path: str | os.PathLike, simulator: Simulator):
        self._path = os.fspath(path)
        refuse_existing(self._path)
        self._temporary = self._path + UNFINISHED
        self._replay = compiled(simulator.replay)

        def observe(states, step: tf.Tensor):
            observation = simulator.observe(nests.at_step(states, step))
            return observation.user, observation.documents

        self._observe = compiled(observe)
        self._lock: IO[bytes] | None = None
        self._records: tf.io.TFRecordWriter | None = None
        # The newest session is kept until the next one comes, since the last of all is marked.
        self._pending: tf.train.SequenceExample | None = None

    def __enter__(self) -> "Writer":
        with storing(Path(self._path)):
            tf.io.gfile.makedirs(os.path.dirname(self._path) or ".")
            if "://" not in self._path:
                self._lock = self._locked()
            try:
                self._records = tf.io.TFRecordWriter(self._temporary)
            except BaseException:
                self._release()
                raise
        return self

    def __exit__(self, error_type, error, traceback) -> None:
        assert self._records is not None
        try:
            with storing(Path(self._path)):
                try:
                    if error_type is None:
                        self._write_pending(is_last=True)
                finally:
                    self._records.close()
                if error_type is None:
                    refuse_existing(self._path)
                    tf.io.gfile.rename(self._temporary, self._path)
        finally:
            if tf.io.gfile.exists(self._temporary):
                tf.io.gfile.remove(self._temporary)
            self._release()

    def _release(self) -> None:
        if self._lock is not None:
            release(self._lock)

    def _locked(self) -> IO[bytes]:
        """A lock that keeps other processes from writing the same log. It is beside the log, since
        Windows renames no open file.
        """
        try:
            return lock(Path(f"{self._path}.lock{UNFINISHED}"))
        except BlockingIOError as error:
            raise OSError(
                f"episode log {self._temporary} is being written by another process"
            ) from error

    @checked
    def add(self, trajectory: Trajectory, log_prob: Nest = ()) -> None:
        """Adds the sessions of a trajectory.

        Args:
          trajectory: the trajectory of a rollout with `auto_reset=False`, [T, B, ...].
          log_prob: float [T, B, K], log-probabilities of the slates up to each position under the
            policy that showed them; or () in all pieces of a file.

        Raises:
          ValueError: if `trajectory` is not a Trajectory, for an auto-reset trajectory, whose rows
            contain several sessions, and for a dtype that a log cannot store.
        """
        trajectory.require_single_session()
        trajectory.require_new_users()
        lengths = tf.reduce_sum(tf.cast(trajectory.transitions.active, tf.int32), axis=0).numpy()
        sessions = self._sessions(trajectory, lengths.max())
        if tf.nest.flatten(log_prob):
            sessions = sessions._replace(log_prob=np.asarray(log_prob, np.float32))
        named = {name_of(path): leaf for path, leaf in tree.flatten_with_path(sessions)}
        if len(named) != len(tree.flatten(sessions)):
            raise ValueError("the names of a model's fields must differ as paths, joined by '/'")
        with storing(Path(self._path)):
            for user, length in enumerate(lengths):
                self._write_pending(is_last=False)
                self._pending = example_of(named, user, length)

    def _sessions(self, trajectory: Trajectory, num_steps: int) -> Session:
        """The first steps of all sessions as arrays, [T, B, ...]."""
        states = traced_call(self._replay, trajectory)
        observed = [
            traced_call(self._observe, states, tf.constant(step)) for step in range(num_steps)
        ]
        user, documents = tf.nest.map_structure(lambda *steps: np.stack(steps), *observed)
        trajectory = self._of_users(trajectory)
        transitions = tf.nest.map_structure(lambda leaf: leaf.numpy(), trajectory.transitions)
        initial = tf.nest.map_structure(lambda leaf: leaf.numpy(), trajectory.initial)
        return Session.of(initial, user, documents, transitions)

    def _of_users(self, trajectory: Trajectory) -> Trajectory:
        """The trajectory with the draws of corpora repeated in the rows of all their users."""
        num_users = trajectory.transitions.reward.shape[1]

        def repeated(leaf: tf.Tensor, axis):
            return tf.repeat(leaf, num_users // leaf.shape[axis], axis)

        draws = map_corpora(lambda leaf: repeated(leaf, 1), trajectory.transitions.draws)
        return trajectory._replace(
            initial=map_corpora(lambda leaf: repeated(leaf, 0), trajectory.initial),
            transitions=trajectory.transitions._replace(draws=draws),
        )

    def _write_pending(self, is_last: bool) -> None:
        if self._pending is None:
            if is_last:
                raise ValueError(f"a log needs a session, got none for {self._path}")
            return
        assert self._records is not None
        self._pending.context.feature[IS_LAST].int64_list.value.append(int(is_last))
        # The order of the bytes is fixed, so that a repeated simulation writes the same file.
        self._records.write(self._pending.SerializeToString(deterministic=True))


def write(path: str | os.PathLike, simulator: Simulator, trajectory: Trajectory) -> None:
    """Writes the sessions of a trajectory into a new file, one after the other, without inactive
    steps. See `Writer` and its `add` for the arguments and errors.
    """
    with Writer(path, simulator) as writer:
        writer.add(trajectory)


def refuse_existing(path: str | os.PathLike) -> None:
    """Raises a FileExistsError if there is a file of that name."""
    if tf.io.gfile.exists(os.fspath(path)):
        raise FileExistsError(f"episode log {os.fspath(path)} exists, name a new file")
