"""Attributes of items, which are directions in the space of factors.

The degree of an attribute in an item is the inner product of its factors and the attribute's
direction, as in concept activation vectors (Göpfert et al. 2022, arXiv 2202.02830). Users
understand a soft attribute in different senses, each with its own direction. The directions of an
observed attribute are equal.
"""

import numpy as np
import tensorflow as tf

from recsim_tf.core import nests


def random_directions(
    num_attributes: int, num_senses: int, num_factors: int, seed: int
) -> np.ndarray:
    """Directions drawn uniformly from the unit sphere, float32 [A, S, F]."""
    draws = np.random.default_rng(seed).standard_normal((num_attributes, num_senses, num_factors))
    return (draws / np.linalg.norm(draws, axis=-1, keepdims=True)).astype(np.float32)


def degrees(directions: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """The degree of each attribute, in each sense, in items or tastes.

    Args:
      directions: [A, S, F], or [B, A, S, F].
      factors: factors of items or tastes, [B, F].

    Returns:
      The degrees, [B, A, S].
    """
    if directions.shape.rank == 4:
        return tf.einsum("basf,bf->bas", directions, factors)
    num_attributes, num_senses, num_factors = directions.shape
    flat = tf.reshape(directions, [num_attributes * num_senses, num_factors])
    products = tf.matmul(factors, flat, transpose_b=True)
    return tf.reshape(products, [nests.num_rows(factors), num_attributes, num_senses])


def ideal(taste: tf.Tensor) -> tf.Tensor:
    """The factors [..., F] of the ideal items of tastes [..., F], which are unit vectors
    along them.
    """
    squared = tf.reduce_sum(taste**2, axis=-1, keepdims=True)
    return taste / tf.sqrt(tf.maximum(squared, 1e-12))


def in_sense(values: tf.Tensor, senses: tf.Tensor) -> tf.Tensor:
    """The values [B, A] in the senses int32 [B, A] of each user, from values [B, A, S]."""
    num_senses = values.shape[-1]
    if num_senses == 1:
        return values[..., 0]
    return tf.reduce_sum(tf.one_hot(senses, num_senses, dtype=values.dtype) * values, axis=-1)
