# SPDX-License-Identifier: Apache-2.0
"""Points of a Halton sequence in the place of draws at random."""

import math

import tensorflow as tf
import tensorflow_probability as tfp

from recsim_tf.core import random

# The first 100 points are correlated between dimensions (Train 2009, section 9.3.3). The first of
# them is zero, which TFP leaves out.
_NUM_DROPPED = 99


class HaltonPoints(random.Noise):
    """The noise of N draws for each of B sessions. Each session has a run of successive points, and
    each number of a draw a dimension.

    Args:
      run: int32 [B], the number of the run of each session.
      num_draws: N, of each session.
      first_dimension: dimensions that other draws of the sessions have.

    Attributes:
      num_dimensions: after draws, the dimensions that these and the other draws have.
    """

    def __init__(self, run: tf.Tensor, num_draws: int, first_dimension: int = 0):
        super().__init__({}, self._no_seed)
        number = tf.range(num_draws)[:, tf.newaxis]
        self._index = tf.reshape(_NUM_DROPPED + run * num_draws + number, [-1])
        self.num_dimensions = first_dimension

    @staticmethod
    def _no_seed() -> tf.Tensor:
        raise ValueError(
            "points must be 'random' for initial draws without an inverse CDF in"
            " core.random.sample, got 'halton'"
        )

    def take(self, kind: str, shape: tf.TensorShape, dtype: tf.DType) -> tf.Tensor:
        """The next dimensions of the points, in a static shape [N * B, ...]."""
        first = self.num_dimensions
        self.num_dimensions += math.prod(shape[1:])
        points = tfp.mcmc.sample_halton_sequence(
            self.num_dimensions, sequence_indices=self._index, dtype=tf.float64, randomized=False
        )[:, first:]
        if kind == "normal":
            points = tf.math.ndtri(points)
        return tf.cast(tf.reshape(points, shape), dtype)
