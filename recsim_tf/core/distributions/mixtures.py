"""Sums of probabilities over what is not known."""

import tensorflow as tf


def logsumexp(values: tf.Tensor) -> tf.Tensor:
    """As `tf.reduce_logsumexp` over the last axis, with gradient zero where all values are -inf.

    Args:
      values: log-probabilities [..., N].

    Returns:
      [...]; -inf where none is possible.
    """
    possible = tf.reduce_any(values > -float("inf"), axis=-1)
    safe = tf.where(possible[..., tf.newaxis], values, tf.zeros([], values.dtype))
    return tf.where(possible, tf.reduce_logsumexp(safe, axis=-1), -float("inf"))
