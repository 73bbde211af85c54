# SPDX-License-Identifier: Apache-2.0
"""The time until a user comes back, where some users never do."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.base.types import Seed
from recsim_tf.core.distributions.custom import CustomDistribution
from recsim_tf.core.random.quantiles import batch_shape


class ReturnTime(CustomDistribution):
    """Days until a user comes back, as far as a log shows them: a mixture cure model, censored.

    A user never comes back with probability `churn`, and otherwise comes back after a `gap`. The
    log ends after `remaining` days. A draw is in (0, remaining) for users who are back by then. For
    all other users it is `never`, since a log does not show the reason of their absence. With the
    survival function S of the gap, its probability is churn + (1 - churn) S(remaining). The model
    is from Boag 1949. Churn depends on covariates in Farewell 1982, "The use of mixture models for
    the analysis of survival data with long-term survivors".

    A log may also hold -c, which is never drawn. It means that the log ended c days after the visit
    and the user was not back. Its probability is churn + (1 - churn) S(c), which is 1 for c = 0.

    Gradients flow to `churn` and to the parameters of the gap. They flow from a draw to the
    parameters of the gap if its draws have gradients.

    Args:
      gap: a distribution of positive days, of batch shape [B], with a `cdf`.
      churn: [B], in [0, 1].
      remaining: [B], in [0, never]; where it is 0, only `never` is drawn.
      never: a number, the draw for users who are not back.

    Raises:
      ValueError: for a gap that is no distribution of batch shape [B]; eagerly also for a gap that
        can be negative, or a churn out of range.
    """

    def __init__(self, gap: tfd.Distribution, churn: tf.Tensor, remaining: tf.Tensor, never: float):
        parameters = dict(locals())
        _check_gap(gap, remaining.shape)
        self.gap = gap
        self.churn = tf.broadcast_to(tf.cast(churn, remaining.dtype), tf.shape(remaining))
        self.remaining = remaining
        self.never = tf.constant(never, remaining.dtype)
        if tf.executing_eagerly():
            self._check_values()
        super().__init__(remaining.dtype, parameters, batch=remaining)

    def _check_values(self) -> None:
        negative = self.gap.cdf(tf.zeros_like(self.remaining)).numpy().max(initial=0)
        if negative > 0:
            raise ValueError(
                f"gap must be a distribution of positive days, got {self.gap.name} of which"
                f" {negative:.3g} is not above 0"
            )
        outside = self.churn[(self.churn < 0) | (self.churn > 1)]
        if len(outside):
            raise ValueError(f"churn must be in [0, 1], got {outside[0].numpy():g}")

    def _log_prob(self, value: tf.Tensor):
        zero, unit = (tf.constant(number, value.dtype) for number in (0, 1))
        # A day on which the gap has a density and a survival, so that the branches that a row does
        # not take have finite gradients.
        some_day = tf.stop_gradient(random.sample(self.gap, random.as_seed(0)))
        is_back = (value > 0) & (value < self.remaining)
        density = self.gap.log_prob(tf.where(is_back, value, some_day))
        density += tf.math.log1p(-tf.where(is_back, self.churn, zero))
        waited = tf.where(value > 0, self.remaining, tf.minimum(-value, self.remaining))
        waits = ~is_back & (waited > 0)
        survival = _survival(self.gap, tf.where(waits, waited, some_day))
        away = tf.where(waits, self.churn + (1 - self.churn) * survival, unit)
        # The logarithm of a tail below the smallest number is computed directly.
        is_tail = away < np.finfo(value.dtype.as_numpy_dtype).tiny
        tail = _log_survival(self.gap, tf.where(is_tail, waited, some_day))
        censored = tf.where(is_tail, tail, tf.math.log(tf.where(is_tail, unit, away)))
        return tf.where(is_back, density, censored)

    def _sample_n(self, n: int | tf.Tensor, seed: Seed | None = None):
        gap_seed, churn_seed = tfp.random.split_seed(seed, 2)
        uniform = random.uniform(
            tf.concat([[n], tf.shape(self.remaining)], axis=0), churn_seed, self.dtype
        )
        return self._seen(self.gap.sample(n, seed=gap_seed), uniform)

    def _seen(self, gap: tfd.Distribution, uniform: tf.Tensor):
        # The draw is above zero, since zero would mean that the visit goes on.
        gap = tf.maximum(gap, np.finfo(self.dtype.as_numpy_dtype).tiny)
        return tf.where(
            (uniform >= self.churn) & (gap < self.remaining), gap, tf.cast(self.never, gap.dtype)
        )


def _survival(gap: tfd.Distribution, value: tf.Tensor) -> tf.Tensor:
    """[B]: the probability that a gap is above a value."""
    if isinstance(gap, tfd.FiniteDiscrete):
        return tf.exp(_log_survival(gap, value))
    return gap.survival_function(value)


def _log_survival(gap: tfd.Distribution, value: tf.Tensor) -> tf.Tensor:
    """[B]: the logarithm of this probability."""
    if not isinstance(gap, tfd.FiniteDiscrete):
        return gap.log_survival_function(value)
    # The sum of the later outcomes: one less the `cdf` has no digits where it is small.
    is_later = gap.outcomes > value[:, tf.newaxis]
    log_probs = tf.nn.log_softmax(gap.logits_parameter())
    return tf.reduce_logsumexp(tf.where(is_later, log_probs, -np.inf), axis=-1)


def _check_gap(gap: tfd.Distribution, batch_shape: tf.TensorShape) -> None:
    if not isinstance(gap, tfd.Distribution):
        raise ValueError(f"gap must be a distribution of positive days, got {type(gap).__name__}")
    if not gap.batch_shape.is_compatible_with(batch_shape) or gap.event_shape.rank:
        raise ValueError(
            f"gap must be a distribution of batch shape {batch_shape}, got {gap.name} of"
            f" {gap.batch_shape}"
        )


@random.sample.register
def _(distribution: ReturnTime, seed: Seed):
    gap_seed, churn_seed = random.split_seed(seed, 2)
    gap = random.sample(distribution.gap, gap_seed)
    uniform = random.uniform(batch_shape(distribution), churn_seed, distribution.dtype)
    return distribution._seen(gap, uniform)
