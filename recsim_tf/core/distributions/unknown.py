# SPDX-License-Identifier: Apache-2.0
"""Draws that a rule decides, and draws that may be missing in a log."""

from typing import Any

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.base.types import Seed
from recsim_tf.core.distributions.categories import num_outcomes
from recsim_tf.core.distributions.custom import CustomDistribution


class Given(CustomDistribution):
    """The outcome of a rule, as a draw that is recorded and not scored. `log_prob` is zero for
    every value, so every recorded value of a log is accepted.

    Args:
      value: the outcome, of any dtype, [B].
      log_prob_dtype: float dtype of `log_prob`.
    """

    def __init__(self, value: tf.Tensor, log_prob_dtype: tf.DType = tf.float32):
        parameters = dict(locals())
        self.value = tf.convert_to_tensor(value)
        self._log_prob_dtype = log_prob_dtype
        super().__init__(self.value.dtype, parameters, batch=self.value)

    def _log_prob(self, value: tf.Tensor):
        return tf.zeros_like(value, self._log_prob_dtype)

    def _sample_n(self, n: int | tf.Tensor, seed: Seed | None = None):
        return tf.repeat(self.value[tf.newaxis], n, axis=0)


@random.sample.register
def _(distribution: Given, seed: Seed):
    return distribution.value


# A value in the support of positive numbers, of numbers in (0, 1) and of all reals.
_SUPPORTED = 0.5


class PerhapsUnknown(CustomDistribution):
    """A distribution of numbers that may be missing in a log. A missing draw, NaN among floats and
    -1 among integers, has log-probability 0 and no gradient.

    Args:
      distribution: a distribution of numbers. It simulates draws and scores the known draws.
    """

    def __init__(self, distribution: tfd.Distribution):
        parameters = dict(locals())
        self._distribution = distribution
        super().__init__(distribution.dtype, parameters, batch=distribution)

    @property
    def distribution(self) -> tfd.Distribution:
        """The distribution of the known draws."""
        return self._distribution

    def _sample_n(self, n: Any, seed: Seed | None = None):
        return self.distribution.sample(n, seed=seed)

    def _log_prob(self, value: tf.Tensor):
        if value.dtype.is_floating:
            is_known = ~tf.math.is_nan(value)
            supported = tf.cast(_SUPPORTED, value.dtype)
        else:
            is_known, supported = value != -1, tf.zeros([], value.dtype)
        log_prob = self.distribution.log_prob(tf.where(is_known, value, supported))
        return tf.where(is_known, log_prob, tf.zeros([], log_prob.dtype))

    def _mean(self):
        return self.distribution.mean()

    def _stddev(self):
        return self.distribution.stddev()

    def _variance(self):
        return self.distribution.variance()

    def _mode(self):
        return self.distribution.mode()

    def _cdf(self, value: tf.Tensor):
        return self.distribution.cdf(value)

    def _quantile(self, value: tf.Tensor):
        return self.distribution.quantile(value)

    def _default_event_space_bijector(self):
        return self.distribution.experimental_default_event_space_bijector()


@random.sample.register
def _(distribution: PerhapsUnknown, seed: Seed):
    return random.sample(distribution.distribution, seed)


@num_outcomes.register
def _(distribution: PerhapsUnknown):
    return num_outcomes(distribution.distribution)
