"""Averages over the elements of a batch that count.

Under a `tf.distribute` strategy a batch has the elements of all replicas. A mean is then the part
of the replica, so that the sum over replicas is the mean of the whole batch, for losses and for
their gradients. Replicas wait for each other in every exchange.
"""

import tensorflow as tf

from recsim_tf.core.runs import replicas


def batch_sums(*values) -> list[tf.Tensor]:
    """Sums of float tensors over the whole batch, scalars, in one exchange between replicas."""
    return tf.unstack(replicas.total(tf.stack([tf.reduce_sum(value) for value in values])))


def weighted_mean(values: tf.Tensor, weights: tf.Tensor, total: tf.Tensor) -> tf.Tensor:
    """Mean of values [...] under weights [...], a scalar, or 0 if all weights are 0. With several
    replicas, it is the replica's part of the mean. `total` is `batch_sums` of the weights.
    """
    return tf.math.divide_no_nan(tf.reduce_sum(values * weights), total)


def weighted_moments(
    weights: tf.Tensor, total: tf.Tensor, *values
) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Mean and variance of each of the values [...] over the whole batch, scalars, or 0 if all
    weights [...] are 0. `total` is `batch_sums` of the weights.
    """
    means = [
        tf.math.divide_no_nan(value, total)
        for value in batch_sums(*(value * weights for value in values))
    ]
    squares = batch_sums(
        *(tf.square(value - mean) * weights for value, mean in zip(values, means, strict=True))
    )
    return [
        (mean, tf.math.divide_no_nan(square, total))
        for mean, square in zip(means, squares, strict=True)
    ]


def part(value: tf.Tensor) -> tf.Tensor:
    """The replica's part of a number that is the same in all replicas."""
    return value / replicas.number()
