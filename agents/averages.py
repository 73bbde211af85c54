"""Averages over the elements of a batch that count."""

import tensorflow as tf


def weighted_mean(values, weights) -> tf.Tensor:
    """Mean of values [...] under weights [...], a scalar; 0 where all weights are 0."""
    return tf.math.divide_no_nan(tf.reduce_sum(values * weights), tf.reduce_sum(weights))


def weighted_moments(values, weights) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance of values [...] under weights [...], scalars; 0 where all weights are 0."""
    mean = weighted_mean(values, weights)
    return mean, weighted_mean(tf.square(values - mean), weights)
