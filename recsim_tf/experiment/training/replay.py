"""A replay buffer whose sampling can be checkpointed, and which gives the newest frames too."""

import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.types import Nest, Seed
from recsim_tf.core.runs import replicas


class SeededReplayBuffer(tf.Module):
    """A uniform replay buffer of B users' newest frames, which graph mode and XLA update in place.

    Frames are rows of variables, user by user: row `user * max_length + time % max_length`. They
    are written by a scatter and read by a gather of whole rows, and XLA carries such variables
    through a loop itself. Graph mode would copy tensors that a `tf.while_loop` carries as a whole
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
        self._batch_size = batch_size
        self._max_length = max_length
        self.seed = replicas.seed_variable(seed)
        self._num_added = replicas.variable(tf.constant(0, tf.int64))
        self._frames = tf.nest.map_structure(
            lambda spec: replicas.variable(
                tf.zeros([batch_size * max_length, *spec.shape], spec.dtype)
            ),
            data_spec,
        )

    def add_batch(self, frames: Nest) -> None:
        """Stores one frame of every user, a nest of [B, ...]."""
        rows = self._rows(tf.range(self._batch_size, dtype=tf.int64), self._num_added)
        # By handles, which are those of the replica: its variable as such has no scatter, and a
        # gather that copies.
        tf.nest.map_structure(
            lambda table, leaf: tf.raw_ops.ResourceScatterUpdate(
                resource=table.handle, indices=rows, updates=leaf
            ),
            self._frames,
            frames,
        )
        self._num_added.assign_add(1)

    def checkpoint(self) -> tf.train.Checkpoint:
        """A checkpoint of the frames."""
        return tf.train.Checkpoint(frames=tf.nest.flatten(self._frames), num_added=self._num_added)

    def clear(self) -> None:
        """Forgets the frames."""
        self._num_added.assign(0)

    def num_added(self) -> tf.Tensor:
        """Frames of each user that were ever added, int64 scalar."""
        return tf.convert_to_tensor(self._num_added)

    def sample(self, sample_batch_size: int, num_steps: int = 2) -> Nest:
        """Frames of `num_steps` consecutive steps of uniformly chosen users and times,
        [sample_batch_size, num_steps, ...].

        At least `num_steps` frames must have been added.
        """
        next_seed, time_seed, user_seed = random.split_seed(self.seed, 3)
        self.seed.assign(next_seed)
        added = self.num_added()
        oldest = tf.maximum(added - self._max_length, 0)
        starts = tf.cast(added - oldest - num_steps + 1, tf.float32)
        shape = [sample_batch_size]
        times = oldest + tf.cast(random.uniform(shape, time_seed) * starts, tf.int64)
        users = tf.cast(random.uniform_integers(shape, user_seed, self._batch_size), tf.int64)
        return self._read(users, times, num_steps)

    def latest(self, num_steps: int = 1) -> Nest:
        """The newest `num_steps` frames of every user, oldest first, [B, num_steps, ...].

        At least `num_steps` frames must have been added.
        """
        users = tf.range(self._batch_size, dtype=tf.int64)
        return self._read(
            users, tf.fill([self._batch_size], self.num_added() - num_steps), num_steps
        )

    def _read(self, users: tf.Tensor, times: tf.Tensor, num_steps: int) -> Nest:
        """Frames of `num_steps` steps from `times` [S] on, of `users` [S]."""
        times = times[:, tf.newaxis] + tf.range(num_steps, dtype=tf.int64)
        rows = self._rows(users[:, tf.newaxis], times)
        return tf.nest.map_structure(
            lambda table: tf.raw_ops.ResourceGather(
                resource=table.handle, indices=rows, dtype=table.dtype
            ),
            self._frames,
        )

    def _rows(self, users: tf.Tensor, times: tf.Tensor) -> tf.Tensor:
        return times % self._max_length + users * self._max_length
