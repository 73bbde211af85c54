"""A replay buffer whose sampling can be checkpointed, and which gives what came last."""

import tensorflow as tf
from tf_agents.replay_buffers import tf_uniform_replay_buffer

from recsim_tf.core import random


class SeededReplayBuffer(tf_uniform_replay_buffer.TFUniformReplayBuffer):
    """TF-Agents' uniform replay buffer, with rows drawn from a seed that it keeps in a variable.

    TF-Agents draws them from the stateful generator of the operation, which no checkpoint holds: a run that was interrupted would go on
    with other samples.

    Args:
      data_spec: spec of one frame.
      batch_size: frames that are added at a time, one a user.
      max_length: frames that are kept for each user.
      seed: an integer or int32 [2].
    """

    def __init__(self, data_spec, batch_size: int, max_length: int, seed):
        super().__init__(data_spec, batch_size=batch_size, max_length=max_length)
        self._seed = tf.Variable(random.as_seed(seed), trainable=False)

    def sample(self, sample_batch_size: int, num_steps: int = 2):
        """Frames of `num_steps` consecutive steps of uniformly chosen users and times, [sample_batch_size, num_steps, ...].

        At least `num_steps` frames must have been added.
        """
        next_seed, time_seed, user_seed = random.split_seed(self._seed, 3)
        self._seed.assign(next_seed)
        added = self.num_added()
        oldest = tf.maximum(added - self._max_length, 0)
        starts = tf.cast(added - oldest - num_steps + 1, tf.float32)
        shape = [sample_batch_size]
        times = oldest + tf.cast(random.uniform(shape, time_seed) * starts, tf.int64)
        users = tf.cast(random.uniform_integers(shape, user_seed, self._batch_size), tf.int64)
        return self._read(users, times, num_steps)

    def latest(self, num_steps: int = 1):
        """The newest `num_steps` frames of every user, oldest first, [batch_size, num_steps, ...].

        At least `num_steps` frames must have been added.
        """
        users = tf.range(self._batch_size, dtype=tf.int64)
        return self._read(users, tf.fill([self._batch_size], self.num_added() - num_steps), num_steps)

    def num_added(self) -> tf.Tensor:
        """Frames of each user that were ever added, int64 scalar."""
        return self._get_last_id() + 1

    def _read(self, users, times, num_steps: int):
        """Frames of `num_steps` steps from `times` [S] on, of `users` [S]."""
        steps = times[:, tf.newaxis] + tf.range(num_steps, dtype=tf.int64)
        return self._data_table.read(steps % self._max_length + users[:, tf.newaxis] * self._max_length)
