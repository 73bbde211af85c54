"""Draws that all users share."""

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.distributions.base import CustomDistribution
from recsim_tf.core.types import Seed


class Shared(CustomDistribution):
    """One draw that all users share: every row of [B, ...] is the same.

    It is drawn once, so it is scored once: `log_prob` has the log-probability of the draw in the
    first row and zero in the others. It assumes that the rows of its argument are equal.

    Args:
      distribution: of batch shape [1]; may be joint, of any nest.
      num_users: B, a Python int.
    """

    def __init__(self, distribution: tfd.Distribution, num_users: int, name: str = "Shared"):
        parameters = dict(locals())
        self.distribution = distribution
        self.num_users = num_users
        super().__init__(distribution.dtype, parameters, name, distribution.reparameterization_type)

    def _batch_shape(self):
        return tf.TensorShape([self.num_users])

    def _event_shape(self):
        return self.distribution.event_shape

    def _event_shape_tensor(self):
        return self.distribution.event_shape_tensor()

    def _log_prob(self, value: tf.Tensor):
        def first_row(leaf: tf.Tensor, event_shape: tf.TensorShape):
            return tf.gather(leaf, [0], axis=leaf.shape.rank - event_shape.rank - 1)

        log_prob = self.distribution.log_prob(
            tf.nest.map_structure(first_row, value, self.event_shape)
        )
        return tf.pad(log_prob, [[0, 0]] * (log_prob.shape.rank - 1) + [[0, self.num_users - 1]])

    def _sample_n(self, n: int | tf.Tensor, seed: Seed | None = None):
        return self._repeated(self.distribution.sample(n, seed=seed), axis=1)

    def _repeated(self, draw: tf.Tensor, axis: int):
        return tf.nest.map_structure(lambda leaf: tf.repeat(leaf, self.num_users, axis=axis), draw)


@random.sample.register
def _(distribution: Shared, seed: Seed):
    return distribution._repeated(random.sample(distribution.distribution, seed), axis=0)
