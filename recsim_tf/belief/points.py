# SPDX-License-Identifier: Apache-2.0
"""The quasi-random points at which a belief is evaluated, the same for all users and turns."""

import functools
import math
import statistics

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.base.types import Nest

# The streams of numbers of a seed.
_NORMALS, _UNIFORMS, _INNOVATIONS = 0, 1, 2


class Points:
    """P points in pairs: point p + P/2 has the opposite normals of point p, and the same uniforms.

    So normals and uniforms are uncorrelated. All numbers come from Latin hypercubes (McKay et al.
    1979): each coordinate has one number in each of P/2 strata.

    Args:
      num_particles: number of particles P, even.
      seed: an integer.
    """

    def __init__(self, num_particles: int, seed: int):
        self.num_particles = num_particles
        self.seed = seed

    def normals(self, size: int) -> np.ndarray:
        """Normals [P, size], size at most P/2, with exactly the mean 0 and the covariance I."""
        half = _normals(self.num_particles // 2, size, (self.seed, _NORMALS))
        return _whitened(np.concatenate([half, -half]))

    def uniforms(self, size: int) -> np.ndarray:
        """Uniforms in (0, 1), [P, size]."""
        return np.tile(_strata(self.num_particles // 2, size, (self.seed, _UNIFORMS)), [2, 1])

    def innovate(self, distribution: tfd.Distribution) -> Nest:
        """A draw of innovations, from numbers that are the same for all users."""
        return random.sample(distribution, _Innovations(self))


class _Innovations(random.Noise):
    """Noise [B * P, ...] that is the same for all users."""

    def __init__(self, points: Points):
        super().__init__({}, random.noise({}, random.as_seed(points.seed)).new_seed)
        self._points = points
        self._num_draws = 0

    def take(self, kind: str, shape: tf.TensorShape, dtype: tf.DType):
        self._num_draws += 1
        rows, *rest = shape.as_list()
        size, num_pairs = math.prod(rest), self._points.num_particles // 2
        seed = (self._points.seed, _INNOVATIONS, self._num_draws)
        half = (_strata if kind == "uniform" else _normals)(num_pairs, size, seed)
        if kind != "uniform" and size < num_pairs:
            half = _whitened(half)
        numbers = tf.constant(np.tile(half, [2, 1]), dtype)
        return tf.reshape(tf.tile(numbers, [rows // self._points.num_particles, 1]), shape)


@functools.lru_cache(maxsize=64)
def _strata(num_points: int, size: int, seed: tuple[int, ...]) -> np.ndarray:
    """Numbers [num_points, size], in each column one in each of num_points intervals of (0, 1)."""
    generator = np.random.default_rng(seed)
    ranks = generator.permuted(np.tile(np.arange(num_points), [size, 1]), axis=1).T
    return (ranks + generator.uniform(1e-3, 1 - 1e-3, ranks.shape)) / num_points


@functools.lru_cache(maxsize=64)
def _normals(num_points: int, size: int, seed: tuple[int, ...]) -> np.ndarray:
    quantile = np.vectorize(statistics.NormalDist().inv_cdf, otypes=[float])
    return quantile(_strata(num_points, size, seed))


def _whitened(points: np.ndarray) -> np.ndarray:
    """Points [P, F], transformed linearly to a mean of 0 and a covariance of I."""
    centred = points - points.mean(axis=0)
    scale = np.linalg.cholesky(centred.T @ centred / len(points))
    return np.linalg.solve(scale, centred.T).T
