"""Ridge regression of each user's feedback, one observation at a time."""

from typing import NamedTuple

import tensorflow as tf


class Ridge(NamedTuple):
    """The sufficient statistics of B weighted ridge regressions, V = ridge I + sum w x x^T."""

    inverse: tf.Tensor  # [B, F, F], V^-1
    moment: tf.Tensor  # [B, F], sum w y x

    @classmethod
    def prior(
        cls, num_users: int, num_features: int, ridge: float | tf.Tensor, dtype: tf.DType
    ) -> "Ridge":
        """Without an observation; `ridge` is [] or [num_users, 1, 1]."""
        identity = tf.eye(num_features, batch_shape=[num_users], dtype=dtype)
        return cls(identity / ridge, tf.zeros([num_users, num_features], dtype))

    def observe(self, features: tf.Tensor, target: tf.Tensor, weight: tf.Tensor) -> "Ridge":
        """With an observation more for each user, by the formula of Sherman and Morrison.

        Args:
          features: [B, F], x; zeros are no observation.
          target: [B], y.
          weight: [B], w; 0 is no observation.
        """
        weighted = weight[:, tf.newaxis] * features
        along = tf.linalg.matvec(self.inverse, features)
        shrunk = along / (1 + tf.reduce_sum(weighted * along, axis=-1, keepdims=True))
        change = (weight[:, tf.newaxis] * along)[:, :, tf.newaxis] * shrunk[:, tf.newaxis]
        return Ridge(self.inverse - change, self.moment + weighted * target[:, tf.newaxis])

    def mean(self) -> tf.Tensor:
        """[B, F]: V^-1 sum w y x."""
        return tf.linalg.matvec(self.inverse, self.moment)


def squared_norms(vectors: tf.Tensor, inverse: tf.Tensor) -> tf.Tensor:
    """[B, N]: x^T V^-1 x of vectors [B, N, F] for V^-1 [B, F, F]."""
    # Rounding must not bring a length below zero.
    return tf.nn.relu(tf.reduce_sum(tf.matmul(vectors, inverse) * vectors, axis=-1))
