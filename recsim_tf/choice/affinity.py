# SPDX-License-Identifier: Apache-2.0
"""Affinities of users to documents: functions of two vectors, the user's u and the document's v.

    affinity.cosine(tastes, features)  # [B, F], [B, K, F] -> [B, K]

Documents are [B, K, F] for slates or candidates, [1, D, F] where D documents are the same for all
users, or [B, F] for one document of each user, which gives [B]. Names and numbers agree with RecSim
NG 0.1.2, whose "negative_cosine" is `cosine`.
"""

import tensorflow as tf


def dot(users: tf.Tensor, documents: tf.Tensor) -> tf.Tensor:
    """The dot product <u, v>.

    Args:
      users: [B, F].
      documents: [B, K, F], [1, D, F] or [B, F].

    Returns:
      [B, K], [B, D] or [B], as all functions of this module do.
    """
    if documents.shape.rank == 3 and documents.shape[0] == 1:
        return tf.matmul(users, documents[0], transpose_b=True)
    if documents.shape.rank == 3:
        return tf.linalg.matvec(documents, users)
    return tf.reduce_sum(users * documents, axis=-1)


def cosine(users: tf.Tensor, documents: tf.Tensor) -> tf.Tensor:
    """The cosine <u, v> / (|u| |v|). It is 0, with a finite gradient, where u or v is zero."""
    return dot(_unit(users), _unit(documents))


def negative_euclidean(users: tf.Tensor, documents: tf.Tensor) -> tf.Tensor:
    """The negative distance -|u - v|. It has no gradient where u = v."""
    return -tf.norm(_beside(users, documents) - documents, axis=-1)


def inverse_euclidean(users: tf.Tensor, documents: tf.Tensor) -> tf.Tensor:
    """The inverse distance 1 / |u - v|, and at most 10^6."""
    squares = tf.reduce_sum((_beside(users, documents) - documents) ** 2, axis=-1)
    # The norm is avoided, since its gradient is not finite at 0.
    return tf.math.rsqrt(tf.maximum(squares, tf.constant(1e-12, squares.dtype)))


def single_peaked(users: tf.Tensor, documents: tf.Tensor, peaks: tf.Tensor) -> tf.Tensor:
    """The affinity sum_f (p_f - |u_f v_f - p_f|). An attribute counts for a document up to the peak
    p_f, and against it above the peak. Where no u_f v_f is above its peak this is `dot`.

    Args:
      users: [B, F].
      documents: [B, K, F], [1, D, F] or [B, F].
      peaks: [B, F].
    """
    peaks = _beside(peaks, documents)
    return tf.reduce_sum(peaks - tf.abs(_beside(users, documents) * documents - peaks), axis=-1)


def _beside(users: tf.Tensor, documents: tf.Tensor) -> tf.Tensor:
    """User vectors [B, 1, F] or [B, F], which broadcast against the documents."""
    return users[:, tf.newaxis] if documents.shape.rank == 3 else users


def _unit(vectors: tf.Tensor) -> tf.Tensor:
    """Vectors scaled to length 1. Zero vectors stay zero."""
    squares = tf.reduce_sum(vectors**2, axis=-1, keepdims=True)
    is_zero = squares == 0
    return vectors * tf.math.rsqrt(tf.where(is_zero, tf.ones_like(squares), squares))
