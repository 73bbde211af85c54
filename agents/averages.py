"""Averages over the elements of a batch that count.

Under a `tf.distribute` strategy a batch is what all replicas have together. The functions of one value return the replica's part of it,
so that the sum over replicas, of losses as of their gradients, is the value for the whole batch.
"""

import tensorflow as tf

from recsim_tf.core import replicas


def weighted_mean(values, weights) -> tf.Tensor:
    """Mean of values [...] under weights [...], a scalar; 0 where all weights are 0. With several replicas, the replica's part of it."""
    return tf.math.divide_no_nan(tf.reduce_sum(values * weights), replicas.total(tf.reduce_sum(weights)))


def weighted_moments(values, weights) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance of values [...] under weights [...], scalars; 0 where all weights are 0. They are those of the whole batch."""
    mean = replicas.total(weighted_mean(values, weights))
    return mean, replicas.total(weighted_mean(tf.square(values - mean), weights))


def part(value) -> tf.Tensor:
    """The replica's part of a number that all replicas have."""
    return value / replicas.number()
