# SPDX-License-Identifier: Apache-2.0
"""Categories, equally likely or by Zipf's law, and the number of outcomes of a distribution."""

import functools
import math

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.base.arguments import Count, checked
from recsim_tf.core.base.types import Seed
from recsim_tf.core.distributions.custom import ShapedDistribution
from recsim_tf.core.distributions.independent import Shifted
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

    def __init__(self, num_categories: int, batch_shape: Shape = (), dtype: tf.DType = tf.float32):
        parameters = dict(locals())
        if num_categories < 1:
            raise ValueError(f"num_categories must be at least 1, got {num_categories}")
        self.num_categories = num_categories
        self._log_prob_dtype = dtype
        super().__init__(tf.int32, parameters, batch=tf.TensorShape(batch_shape))

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


@functools.singledispatch
def num_outcomes(distribution: tfd.Distribution) -> int | None:
    """The number C of outcomes, if draws are integers in 0..C-1 and C is known, else None.

    `num_outcomes.register` adds a finite family.
    """
    return None


@num_outcomes.register
def _(distribution: UniformCategories):
    return distribution.num_categories


@num_outcomes.register
def _(distribution: tfd.Categorical):
    return distribution.logits_parameter().shape[-1]


@num_outcomes.register
def _(distribution: tfd.Bernoulli):
    return 2


@num_outcomes.register(random.class_of_family(tfd.BatchBroadcast))
@num_outcomes.register(random.class_of_family(tfd.Masked))
def _(distribution: tfd.Distribution):
    return num_outcomes(distribution.distribution)


# The number of terms of the zeta function that are summed directly. The error of the formula for
# the rest is then below 1e-8.
_NUM_TERMS = 16


@checked
def clipped_zipf(power: tf.Tensor, largest: Count) -> Shifted:
    """The distribution of min(X, largest) for X from Zipf's law, P(X = k) = k^-power / zeta(power)
    for k = 1, 2, ...

    Most users do little and a few do much (Zipf 1949). Larger numbers count as the largest, which
    is therefore likelier than its neighbours.

    Draws are int32 of batch shape [...]. The log-probability has a gradient in the power.

    Args:
      power: float [...], above 1.
      largest: an int of at least 1.

    Raises:
      ValueError: for a `largest` below 1.
    """
    power = tf.convert_to_tensor(power)[..., tf.newaxis]
    below = tf.math.log(tf.range(1, largest, dtype=power.dtype))
    logits = tf.concat([-power * below, _log_tail(power, largest)], axis=-1)
    return Shifted(tfd.Categorical(logits=logits), 1)


def _log_tail(power: tf.Tensor, first: int) -> tf.Tensor:
    """The logarithm of the sum of k^-power over all k from `first` on, [..., 1]."""
    end = first + _NUM_TERMS
    terms = tf.math.log(tf.range(first, end, dtype=power.dtype))
    # The sum beyond the end follows the formula of Euler and Maclaurin.
    rest = -power * np.log(end) + tf.math.log(end / (power - 1) + 0.5 + power / (12 * end))
    return tf.reduce_logsumexp(tf.concat([-power * terms, rest], axis=-1), axis=-1, keepdims=True)
