"""Distributions that TensorFlow Probability lacks."""

import functools
import math

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random

# A float32 uniform has 2**23 values: up to this many categories their probabilities are equal to
# 0.1 %.
_MAX_CATEGORIES = 2**13


class UniformCategories(tfd.Distribution):
    """Equally likely categories 0..num_categories-1, drawn in constant time whatever their number.

    Args:
      num_categories: a Python int, at least 1.
      batch_shape: shape of independent, identically distributed draws.
      dtype: float dtype of `log_prob`.
    """

    def __init__(
        self,
        num_categories: int,
        batch_shape=(),
        dtype: tf.DType = tf.float32,
        name: str = "UniformCategories",
    ):
        parameters = dict(locals())
        if num_categories < 1:
            raise ValueError(f"num_categories must be at least 1, got {num_categories}")
        self.num_categories = num_categories
        self._shape = tf.TensorShape(batch_shape)
        self._log_prob_dtype = dtype
        super().__init__(
            dtype=tf.int32,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=False,
            parameters=parameters,
            name=name,
        )

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {}

    def _batch_shape(self):
        return self._shape

    def _batch_shape_tensor(self):
        return tf.constant(self._shape.as_list(), tf.int32)

    def _event_shape(self):
        return tf.TensorShape([])

    def _event_shape_tensor(self):
        return tf.constant([], tf.int32)

    def _log_prob(self, value):
        inside = (value >= 0) & (value < self.num_categories)
        log_prob = tf.constant(-math.log(self.num_categories), self._log_prob_dtype)
        return tf.where(inside, log_prob, tf.constant(-math.inf, self._log_prob_dtype))

    def _sample_n(self, n, seed=None):
        return self._draw(
            tf.concat([[n], self._batch_shape_tensor()], axis=0), tfp.random.sanitize_seed(seed)
        )

    def _draw(self, shape, seed):
        if self.num_categories > _MAX_CATEGORIES:
            return random.uniform_integers(shape, seed, self.num_categories)
        return tf.cast(random.uniform(shape, seed) * self.num_categories, tf.int32)


@random.sample.register
def _(distribution: UniformCategories, seed):
    return distribution._draw(distribution.batch_shape, seed)


class Shared(tfd.Distribution):
    """One draw that all users share: every row of [B, ...] is the same.

    A quantity that is drawn once is scored once: `log_prob` gives the first row the log-probability
    of the draw and zero to the others. The rows of its argument are taken to be equal.

    Args:
      distribution: of batch shape [1]; may be joint, of any nest.
      num_users: B, a Python int.
    """

    def __init__(self, distribution: tfd.Distribution, num_users: int, name: str = "Shared"):
        parameters = dict(locals())
        self.distribution = distribution
        self.num_users = num_users
        super().__init__(
            dtype=distribution.dtype,
            reparameterization_type=distribution.reparameterization_type,
            validate_args=False,
            allow_nan_stats=False,
            parameters=parameters,
            name=name,
        )

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {}

    def _batch_shape(self):
        return tf.TensorShape([self.num_users])

    def _batch_shape_tensor(self):
        return tf.constant([self.num_users], tf.int32)

    def _event_shape(self):
        return self.distribution.event_shape

    def _event_shape_tensor(self):
        return self.distribution.event_shape_tensor()

    def _log_prob(self, value):
        def first_row(leaf, event_shape):
            return tf.gather(leaf, [0], axis=leaf.shape.rank - event_shape.rank - 1)

        log_prob = self.distribution.log_prob(
            tf.nest.map_structure(first_row, value, self.event_shape)
        )
        return tf.pad(log_prob, [[0, 0]] * (log_prob.shape.rank - 1) + [[0, self.num_users - 1]])

    def _sample_n(self, n, seed=None):
        return self._repeated(self.distribution.sample(n, seed=seed), axis=1)

    def _repeated(self, draw, axis):
        return tf.nest.map_structure(lambda leaf: tf.repeat(leaf, self.num_users, axis=axis), draw)


@random.sample.register
def _(distribution: Shared, seed):
    return distribution._repeated(random.sample(distribution.distribution, seed), axis=0)


@functools.singledispatch
def num_outcomes(distribution: tfd.Distribution) -> int | None:
    """C, if a draw is one of 0..C-1, and C is known; else None. Register further finite families
    with `num_outcomes.register`.
    """
    del distribution
    return None


@num_outcomes.register
def _(distribution: UniformCategories):
    return distribution.num_categories


@num_outcomes.register
def _(distribution: tfd.Categorical):
    return distribution.logits_parameter().shape[-1]


@num_outcomes.register
def _(distribution: tfd.Bernoulli):
    del distribution
    return 2


@num_outcomes.register(random.public_or_private(tfd.BatchBroadcast))
@num_outcomes.register(random.public_or_private(tfd.Masked))
def _(distribution):
    return num_outcomes(distribution.distribution)
