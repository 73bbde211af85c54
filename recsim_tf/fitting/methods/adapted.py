# SPDX-License-Identifier: Apache-2.0
"""Proposals of hidden draws that are adapted to what each session tells of its user."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.base.types import Nest, Seed
from recsim_tf.fitting.parameters.unconstrained import bijector_to, unpack

# Parts of the points, the weight of the session in their normal, and the factor of its standard
# deviations, for the tails of the posterior. The wide normal bounds the weights where the other one
# misses a part of the posterior.
_NEAR, _WIDE = (0.875, 1.0, 1.15), (0.125, 0.1, 1.5)
# In units of the model's own distribution: information that is no rounding, the longest step, and
# the step of differences.
_LEAST_INFORMATION, _LONGEST_STEP, _DIFFERENCE = 0.02, 3.0, 0.05
_NUM_STEPS = 10  # of Newton's method
# Coordinates that a Gauss-Hermite rule integrates over, its most nodes of each, and the fewest
# points at random beside it, for tests of it.
_MOST_OF_RULE, _MOST_NODES, _FEWEST_BESIDE_RULE = 2, 32, 64
_NUM_QUANTILES = 8  # of the model's own distribution, for its center and its units


def num_coordinates(prior: tfd.Distribution) -> int:
    """The number of coordinates of a draw in the unconstrained space. Raises a ValueError for a
    discrete one, and where TFP knows no bijector to its support.
    """
    like = bijector_to("initial draws", prior).inverse_event_shape(prior.event_shape)
    return sum(math.prod(shape) for shape in tf.nest.flatten(like))


def _quantiles(dtype: tf.DType) -> tf.Tensor:
    return tf.constant((np.arange(_NUM_QUANTILES) + 0.5) / _NUM_QUANTILES, dtype)


class _Quantiles(random.Noise):
    """The noise of as many draws as there are quantiles: the same for all rows and coordinates."""

    def __init__(self):
        super().__init__({}, lambda: random.as_seed(0))

    def take(self, kind: str, shape: tf.TensorShape, dtype: tf.DType) -> tf.Tensor:
        """The quantiles in a static shape [Q M, ...], the first ones of all rows first."""
        points = _quantiles(dtype)
        points = tf.math.ndtri(points) if kind == "normal" else points
        column = tf.repeat(points, shape[0] // _NUM_QUANTILES)
        return tf.broadcast_to(tf.reshape(column, [-1, *[1] * (len(shape) - 1)]), shape)


def _center_and_unit(prior_of: Callable[[int], tfd.Distribution]) -> tuple[tf.Tensor, tf.Tensor]:
    """About the mean and the standard deviation of the coordinates of a draw, [M, D] each, with the
    gradients of the parameters; exact for normals.

    Args:
      prior_of: see `AdaptedProposals.draw`.
    """
    prior = prior_of(_NUM_QUANTILES)
    draws = random.sample(prior, _Quantiles())
    packed, _ = packed_draws(bijector_to("initial draws", prior).inverse(draws))
    packed = tf.where(tf.math.is_finite(packed), packed, tf.zeros_like(packed))
    by_quantile = tf.reshape(packed, [_NUM_QUANTILES, -1, packed.shape[1]])
    center = tf.reduce_mean(by_quantile, axis=0)
    variance = tf.reduce_mean((by_quantile - center) ** 2, axis=0)
    variance /= tf.reduce_mean(tf.math.ndtri(_quantiles(variance.dtype)) ** 2)
    is_drawn = variance > 0
    return center, tf.sqrt(tf.where(is_drawn, variance, tf.ones_like(variance)))


class AdaptedProposals:
    """A normal distribution for each of some rows, of a draw of D coordinates in the unconstrained
    space, around the highest density of the draw given the session. The likelihood of the draw is
    kept as a normal one, of its curvature there. The product with the model's own distribution, at
    any parameters, is the proposal: it moves and shrinks with that distribution.

    Up to two coordinates have the nodes of a Gauss-Hermite rule in this normal (Liu & Pierce 1994,
    "A note on Gauss-Hermite quadrature"; Pinheiro & Bates 1995). More coordinates have points at
    random, an eighth of them from a wider normal, in which the session has less weight.

    Args:
      num_rows: the number of rows.
      num_coordinates: D.
      dtype: the dtype of the coordinates.
    """

    def __init__(self, num_rows: int, num_coordinates: int, dtype: tf.DType):
        self.num_coordinates = num_coordinates
        zeros = tf.zeros([num_rows, num_coordinates], dtype)
        # The information of a session about its draw, and the information times its mean.
        self._precision = tf.Variable(zeros[..., tf.newaxis] * zeros[:, tf.newaxis])
        self._pull = tf.Variable(zeros)

    def num_points(self, num_draws: int, at_random: bool) -> int:
        """The points of a row from a number of draws, at least 2, see `draw`."""
        if self.num_coordinates > _MOST_OF_RULE:
            return num_draws
        if at_random:
            return max(num_draws, _FEWEST_BESIDE_RULE)
        return self._num_nodes(num_draws) ** self.num_coordinates

    def _num_nodes(self, num_draws: int) -> int:
        """The nodes of each coordinate of a rule with no more nodes than draws."""
        return min(int(num_draws ** (1 / self.num_coordinates) + 1e-9), _MOST_NODES)

    def draw(
        self,
        prior_of: Callable[[int], tfd.Distribution],
        rows: tf.Tensor,
        num_draws: int,
        seed: Seed,
        at_random: bool = False,
    ) -> tuple[Nest, tf.Tensor]:
        """Points of rows int32 [M].

        Args:
          prior_of: a function of C that gives the model's own distribution of C copies of the
            rows, [C M].
          rows: the rows.
          num_draws: about the number of points N of each row, see `num_points`.
          seed: int32 [2], of points at random.
          at_random: whether points are at random where a rule has nodes too.

        Returns:
          A nest of [N M, ...], one point of all rows after the other; and numbers [N M]. The
          integral of a function is the mean over N of the function over their exponentials. They
          are the log-density of the mixture of normals, less the log of the weight of a node.
        """
        number = self.num_points(num_draws, at_random)
        center, unit = _center_and_unit(prior_of)
        precision, pull = tf.gather(self._precision, rows), tf.gather(self._pull, rows)
        precision, pull = (
            _outer(unit) * precision,
            unit * (pull - tf.linalg.matvec(precision, center)),
        )
        log_weights: np.ndarray | float
        if at_random or self.num_coordinates > _MOST_OF_RULE:
            in_units, log_density = self._at_random(number, precision, pull, seed)
            log_weights = 0.0
        else:
            nodes, log_weights = _gauss_hermite(self._num_nodes(num_draws), self.num_coordinates)
            normal = _Normal.of(precision, pull)
            in_units = normal.at(tf.constant(nodes, unit.dtype)[:, tf.newaxis])
            log_density = normal.log_prob(in_units)
        log_density -= tf.reduce_sum(tf.math.log(unit), axis=-1)
        log_density -= tf.cast(log_weights, unit.dtype)
        points = center + unit * in_units
        prior = prior_of(number)
        bijector = bijector_to("initial draws", prior)
        _, specs = packed_draws(bijector.inverse(random.sample(prior, random.as_seed(0))))
        coordinates = tf.reshape(points, [number * rows.shape[0], -1])
        draw, log_det = forward(bijector, unpack(coordinates, specs))
        return draw, tf.reshape(log_density, [-1]) - log_det

    def _at_random(
        self, number: int, precision: tf.Tensor, pull: tf.Tensor, seed: Seed
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Points [N, M, D] of the mixture of two normals, and its log-density [N, M]."""
        num_wide = max(round(_WIDE[0] * number), 1)
        seeds = random.split_seed(seed, 2)
        points, normals = [], []
        numbers = (num_wide, number - num_wide)
        for part, own_seed, (_, weight, wider) in zip(numbers, seeds, (_WIDE, _NEAR), strict=False):
            normal = _Normal.of(weight * precision, weight * pull, wider)
            points.append(normal.at(self._points(part, pull.shape[0], own_seed)))
            normals.append((math.log(part / number), normal))
        in_units = tf.concat(points, axis=0)
        log_densities = [log_part + normal.log_prob(in_units) for log_part, normal in normals]
        return in_units, tf.reduce_logsumexp(log_densities, axis=0)

    def _points(self, number: int, size: int, seed: Seed) -> tf.Tensor:
        """Standard normal points [N, M, D]: those of a Halton sequence, shifted at random for each
        row (Cranley & Patterson 1976), and their opposites, which cancel what is odd.
        """
        dtype, num_coordinates = self._pull.dtype, self.num_coordinates
        halton = tfp.mcmc.sample_halton_sequence(
            num_coordinates, (number + 1) // 2, dtype=tf.float64, randomized=True, seed=[0, 0]
        )
        shift = random.uniform([size, num_coordinates], seed, tf.float64)
        uniforms = tf.math.floormod(halton[:, tf.newaxis] + shift, 1.0)
        end = 0.1 / max(number, 2) ** 2
        normals = tf.cast(tf.math.ndtri(tf.clip_by_value(uniforms, end, 1 - end)), dtype)
        return tf.concat([normals, -normals], axis=0)[:number]

    def adapt(
        self,
        prior_of: Callable[[int], tfd.Distribution],
        rows: tf.Tensor,
        log_density: Callable[[tf.Tensor, int], tf.Tensor],
    ) -> None:
        """Adapts the normals of rows int32 [M], by Newton's method.

        Args:
          prior_of: see `draw`.
          rows: the rows.
          log_density: a function of coordinates [C M, D] and C that gives the log of the density
            of coordinates and session, [C M].
        """
        size, dim, dtype = rows.shape[0], self.num_coordinates, self._pull.dtype
        center, unit = _center_and_unit(prior_of)
        shifts = tf.concat([tf.zeros([1, dim], dtype), _DIFFERENCE * tf.eye(dim, dtype=dtype)], 0)

        def body(step, best, step_of_best, told_of_best, value_of_best, damping):
            point = best + damping[:, tf.newaxis] * step_of_best
            points = point + shifts[:, tf.newaxis]
            with tf.GradientTape() as tape:
                tape.watch(points)
                coordinates = tf.reshape(center + unit * points, [(dim + 1) * size, dim])
                values = tf.reshape(log_density(coordinates, dim + 1), [dim + 1, size])
            gradients = tape.gradient(values, points)
            curvature = -tf.transpose(gradients[1:] - gradients[:1], [1, 0, 2]) / _DIFFERENCE
            curvature = (curvature + tf.linalg.matrix_transpose(curvature)) / 2
            is_known = tf.reduce_all(tf.math.is_finite(curvature), axis=[1, 2])
            eye = tf.eye(dim, batch_shape=[size], dtype=dtype)
            information, directions = tf.linalg.eigh(
                tf.where(is_known[:, tf.newaxis, tf.newaxis], curvature, eye)
            )
            # What the session tells, beside the model's own distribution.
            told = information - 1
            told = tf.where(told > _LEAST_INFORMATION, told, tf.zeros_like(told))[:, tf.newaxis]
            covariance = tf.matmul(directions / (1 + told), directions, transpose_b=True)
            newton = tf.linalg.matvec(covariance, gradients[0])
            length = tf.norm(newton, axis=1, keepdims=True)
            newton *= _LONGEST_STEP / tf.maximum(length, _LONGEST_STEP)
            is_better = is_known & (values[0] > value_of_best)
            return (
                step + 1,
                tf.where(is_better[:, tf.newaxis], point, best),
                tf.where(is_better[:, tf.newaxis], newton, step_of_best),
                tf.where(
                    is_better[:, tf.newaxis, tf.newaxis],
                    tf.matmul(directions * told, directions, transpose_b=True),
                    told_of_best,
                ),
                tf.where(is_better, values[0], value_of_best),
                tf.where(is_better, tf.ones_like(damping), damping / 3),
            )

        zeros = tf.zeros([size, dim], dtype)
        _, best, _, told, *_ = tf.while_loop(
            lambda step, *_: step < _NUM_STEPS,
            body,
            (
                tf.constant(0),
                zeros,
                zeros,
                tf.zeros([size, dim, dim], dtype),
                tf.fill([size], tf.constant(-np.inf, dtype)),
                tf.ones([size], dtype),
            ),
        )
        place = rows[:, tf.newaxis]
        precision = told / _outer(unit)
        pull = (best + tf.linalg.matvec(told, best)) / unit + tf.linalg.matvec(precision, center)
        self._precision.scatter_nd_update(place, precision)
        self._pull.scatter_nd_update(place, pull)


class _Normal(NamedTuple):
    """Normals of M rows, in units of the model's own distribution."""

    loc: tf.Tensor  # [M, D]
    root: tf.Tensor  # [M, D, D], of the information

    @classmethod
    def of(cls, precision: tf.Tensor, pull: tf.Tensor, wider: float = 1.0) -> "_Normal":
        """The normals of the information of sessions [M, D, D] and of the model together, with so
        many times their standard deviations.
        """
        eye = tf.eye(pull.shape[1], dtype=pull.dtype)
        root = tf.linalg.cholesky(eye + precision)
        return cls(tf.linalg.cholesky_solve(root, pull[..., tf.newaxis])[..., 0], root / wider)

    def at(self, standard: tf.Tensor) -> tf.Tensor:
        """The points [N, M, D] at standard normal ones, [N, M, D] or [N, 1, D]."""
        shape = [standard.shape[0], *self.loc.shape]
        columns = tf.broadcast_to(standard, shape)[..., tf.newaxis]
        return self.loc + tf.linalg.triangular_solve(self.root, columns, adjoint=True)[..., 0]

    def log_prob(self, points: tf.Tensor) -> tf.Tensor:
        """The log-densities [N, M] of points [N, M, D]."""
        standard = tf.linalg.matvec(self.root, points - self.loc, transpose_a=True)
        constant = 0.5 * math.log(2 * math.pi)
        log_roots = tf.math.log(tf.linalg.diag_part(self.root))
        return tf.reduce_sum(log_roots - 0.5 * standard**2 - constant, axis=-1)


def _gauss_hermite(num_nodes: int, num_coordinates: int) -> tuple[np.ndarray, np.ndarray]:
    """The nodes [N, D] of a rule for a standard normal, and the logs of N times their weights,
    [N, 1], which have a mean of one.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(num_nodes)
    by_axis = np.meshgrid(*[nodes] * num_coordinates, indexing="ij")
    of_axes = np.meshgrid(*[weights / weights.mean()] * num_coordinates, indexing="ij")
    log_weights = np.sum(np.log(of_axes), axis=0)
    return np.stack([each.ravel() for each in by_axis], axis=1), log_weights.reshape(-1, 1)


def _outer(vectors: tf.Tensor) -> tf.Tensor:
    """The outer products of vectors [M, D] with themselves, [M, D, D]."""
    return vectors[..., tf.newaxis] * vectors[:, tf.newaxis]


def packed_draws(unconstrained: Nest, num_axes: int = 1) -> tuple[tf.Tensor, Nest]:
    """The leaves of unconstrained draws side by side, [..., D] after the leading axes; and their
    TensorSpecs without these axes.
    """
    leaves = tf.nest.flatten(unconstrained)
    flat = [
        tf.reshape(tf.cast(leaf, leaves[0].dtype), [*leaf.shape[:num_axes], -1]) for leaf in leaves
    ]
    specs = tf.nest.map_structure(
        lambda leaf: tf.TensorSpec(leaf.shape[num_axes:], leaf.dtype), unconstrained
    )
    return tf.concat(flat, axis=-1), specs


def forward(bijector: tfp.bijectors.Bijector, unconstrained: Nest) -> tuple[Nest, tf.Tensor]:
    """The values [B, ...] at unconstrained draws, and the log-determinants of the Jacobian, [B]."""
    event_ndims = tf.nest.map_structure(lambda leaf: leaf.shape.rank - 1, unconstrained)
    log_det = bijector.forward_log_det_jacobian(unconstrained, event_ndims)
    return bijector.forward(unconstrained), log_det
