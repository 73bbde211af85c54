# SPDX-License-Identifier: Apache-2.0
"""Importance weights: ratios of probabilities under two policies, and the bending of them."""

import dataclasses

import tensorflow as tf

from recsim_tf.core.base.arguments import Positive, checked

# The largest logarithm of a weight. Its exponential is finite, and no estimate with a weight near
# it is to be believed.
_LARGEST = 80.0


@checked
@dataclasses.dataclass(frozen=True)
class Weights:
    """The bending of importance weights. It lowers the variance of an estimate and biases it
    towards zero, or towards the value of a model that is subtracted.

    Args:
      cap: the largest weight, to which larger ones are cut (Ionides 2008); None for any.
      switch: the largest weight that is used; larger ones count as 0 (Wang et al. 2017); None for
        any.
      shrinkage: the constant c of c w / (w^2 + c) (Su et al. 2020); None for no shrinkage.

    Raises:
      ValueError: for a number that is not above 0.
    """

    cap: Positive | None = None
    switch: Positive | None = None
    shrinkage: Positive | None = None

    def bend(self, weights: tf.Tensor) -> tf.Tensor:
        """The bent weights, of the same shape."""
        if self.cap is not None:
            weights = tf.minimum(weights, tf.constant(self.cap, weights.dtype))
        if self.switch is not None:
            weights = tf.where(weights <= self.switch, weights, tf.zeros_like(weights))
        if self.shrinkage is not None:
            weights = self.shrinkage * weights / (weights**2 + self.shrinkage)
        return weights


def importance_weights(log_prob: tf.Tensor, logged: tf.Tensor) -> tf.Tensor:
    """The ratios of probabilities, [...]. `log_prob` [...] are log-probabilities under the policy
    that is judged or learns, `logged` [...] those under the policy that acted.
    """
    return tf.exp(tf.minimum(log_prob - logged, _LARGEST))


def normalized_weights(weights: tf.Tensor, mean: tf.Tensor) -> tf.Tensor:
    """The weights divided by their mean, [...]; 0 where the mean is 0."""
    return tf.math.divide_no_nan(weights, mean)
