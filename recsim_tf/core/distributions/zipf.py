"""Zipf's law, clipped at a largest number."""

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core.base import validation
from recsim_tf.core.distributions.independent import Shifted

# The number of terms of the zeta function that are summed directly. The error of the formula for
# the rest is then below 1e-8.
_NUM_TERMS = 16


def clipped_zipf(power: tf.Tensor, largest: int) -> Shifted:
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
    validation.check_count(largest=largest)
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
