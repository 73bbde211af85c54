"""Equally likely categories, drawn in constant time."""

import math

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.base.types import Seed
from recsim_tf.core.distributions.custom import ShapedDistribution
from recsim_tf.core.random.paired import Shape

# A float32 uniform has 2**23 values. Up to this number of categories, their probabilities differ by
# at most 0.1 %.
_MAX_CATEGORIES = 2**13


class UniformCategories(ShapedDistribution):
    """Equally likely categories 0..num_categories-1, drawn in constant time whatever their number.

    Args:
      num_categories: a Python int, at least 1.
      batch_shape: shape of independent, identically distributed draws.
      dtype: float dtype of `log_prob`.
    """

    def __init__(
        self,
        num_categories: int,
        batch_shape: Shape = (),
        dtype: tf.DType = tf.float32,
        name: str = "UniformCategories",
    ):
        parameters = dict(locals())
        if num_categories < 1:
            raise ValueError(f"num_categories must be at least 1, got {num_categories}")
        self.num_categories = num_categories
        self._log_prob_dtype = dtype
        super().__init__(tf.int32, parameters, name, batch=tf.TensorShape(batch_shape))

    def _log_prob(self, value: tf.Tensor):
        inside = (value >= 0) & (value < self.num_categories)
        log_prob = tf.constant(-math.log(self.num_categories), self._log_prob_dtype)
        return tf.where(inside, log_prob, tf.constant(-math.inf, self._log_prob_dtype))

    def _draw(self, shape: Shape, seed: Seed):
        if self.num_categories > _MAX_CATEGORIES:
            return random.uniform_integers(shape, seed, self.num_categories)
        return tf.cast(random.uniform(shape, seed) * self.num_categories, tf.int32)


def uniform_ids(
    num_categories: int, num_users: int, num_candidates: int, dtype: tf.DType
) -> tfd.Distribution:
    """Candidates from a catalogue: ids int32 [B, N] in [0, D), each equally likely.

    Args:
      num_categories: D.
      num_users: B.
      num_candidates: N.
      dtype: the dtype of `log_prob`.
    """
    return tfd.Independent(UniformCategories(num_categories, [num_users, num_candidates], dtype), 1)
