# SPDX-License-Identifier: Apache-2.0
"""A replay buffer whose sampling can be checkpointed, and which gives the newest frames too."""

import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.types import Nest, Seed
from recsim_tf.core.runs import replicas
from recsim_tf.core.runs.execution import is_for_xla
from recsim_tf.training.frame_rows import FrameRows


class SeededReplayBuffer(tf.Module):
    """A uniform replay buffer of B users' newest frames, which graph mode and XLA update in place.

    Frames are in a variable [max_length, B, width], by time modulo `max_length` and user, as
    `FrameRows`. All users write the same time, so a write is a slice. XLA carries such a variable
    through a loop itself. Graph mode would copy a tensor that a `tf.while_loop` carries as a whole
    at each write.

    Args:
      data_spec: spec of one frame of one user.
      batch_size: B, the frames that are added at a time, one of each user.
      max_length: frames that are kept of each user.
      seed: an integer or int32 [2].

    Attributes:
      seed: a variable with the seed of the next sample, so that an interrupted run goes on with the
        same samples.
    """

    def __init__(self, data_spec: Nest, batch_size: int, max_length: int, seed: Seed):
        super().__init__(name="SeededReplayBuffer")
        self._batch_size, self._max_length = batch_size, max_length
        self.seed = replicas.seed_variable(seed)
        self._num_added = replicas.variable(tf.constant(0, tf.int64))
        # The time of the next frame modulo `max_length`. A remainder of 64 bits would be two
        # thousand instructions on a TPU.
        self._next = replicas.variable(tf.constant(0, tf.int64))
        self._rows = FrameRows(data_spec)
        self._table = replicas.variable(tf.zeros([max_length, batch_size, self._rows.width]))

    def add_batch(self, frames: Nest) -> None:
        """Stores one frame of every user, a nest of [B, ...]."""
        # By its handle, which is that of the replica: its variable as such has no scatter, and a
        # gather that copies. XLA makes a slice of the scatter.
        tf.raw_ops.ResourceScatterUpdate(
            resource=self._table.handle,
            indices=tf.convert_to_tensor(self._next),
            updates=self._rows.encode(frames),
        )
        self._num_added.assign_add(1)
        following = self._next + 1
        self._next.assign(tf.where(following < self._max_length, following, 0))

    def checkpoint(self) -> tf.train.Checkpoint:
        """A checkpoint of the frames."""
        return tf.train.Checkpoint(frames=self._table, num_added=self._num_added, next=self._next)

    def clear(self) -> None:
        """Forgets the frames."""
        self._num_added.assign(0)
        self._next.assign(0)

    def num_added(self) -> tf.Tensor:
        """Frames of each user that were ever added, int64 scalar."""
        return tf.convert_to_tensor(self._num_added)

    def sample(self, sample_batch_size: int, num_steps: int = 2) -> Nest:
        """Frames of `num_steps` consecutive steps of uniformly chosen users and times,
        [sample_batch_size, num_steps, ...].

        At least `num_steps` frames must have been added.
        """
        time_seed, user_seed = replicas.new_seeds(self.seed, 2)
        num_kept = tf.cast(tf.minimum(self.num_added(), self._max_length), tf.int32)
        num_starts = tf.cast(num_kept - num_steps + 1, tf.float32)
        shape = [sample_batch_size]
        starts = tf.cast(random.uniform(shape, time_seed) * num_starts, tf.int32)
        users = random.uniform_integers(shape, user_seed, self._batch_size)
        return self._read(users, num_kept - starts, num_steps)

    def latest(self, num_steps: int = 1) -> Nest:
        """The newest `num_steps` frames of every user, oldest first, [B, num_steps, ...].

        At least `num_steps` frames must have been added.
        """
        places = self._places(tf.range(num_steps, 0, -1))
        rows = tf.raw_ops.ResourceGather(
            resource=self._table.handle, indices=places, dtype=tf.float32
        )
        return self._rows.decode(tf.transpose(rows, [1, 0, 2]))

    def _places(self, ages: tf.Tensor) -> tf.Tensor:
        """Places in the table of frames that were added so many steps ago, 1 for the newest."""
        places = tf.cast(tf.convert_to_tensor(self._next), tf.int32) - ages
        return tf.where(places < 0, places + self._max_length, places)

    def _read(self, users: tf.Tensor, ages: tf.Tensor, num_steps: int) -> Nest:
        """Frames of `num_steps` steps of `users` [S]; the first are `ages` [S] old."""
        places = self._places(ages[:, tf.newaxis] - tf.range(num_steps))
        users = tf.broadcast_to(users[:, tf.newaxis], places.shape)
        places = tf.stack([places, users], axis=-1)
        # XLA has no gather from a variable by two indices. Graph mode would copy the variable.
        if is_for_xla():
            rows = tf.gather_nd(tf.identity(self._table), places)
        else:
            rows = tf.raw_ops.ResourceGatherNd(
                resource=self._table.handle, indices=places, dtype=tf.float32
            )
        return self._rows.decode(rows)
