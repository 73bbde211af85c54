"""Proposals of hidden draws that are adapted to what each session tells of its user."""

import math
from collections.abc import Callable

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


def center_and_unit(prior_of: Callable[[int], tfd.Distribution]) -> tuple[tf.Tensor, tf.Tensor]:
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
    any parameters, is the proposal: it moves and shrinks with that distribution. An eighth of the
    points come from a wider normal, in which the session has less weight.

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

    def draw(
        self,
        prior_of: Callable[[int], tfd.Distribution],
        rows: tf.Tensor,
        num_draws: int,
        seed: Seed,
    ) -> tuple[Nest, tf.Tensor]:
        """Draws of rows int32 [M].

        Args:
          prior_of: a function of C that gives the model's own distribution of C copies of the
            rows, [C M].
          rows: the rows.
          num_draws: N, of each row.
          seed: int32 [2].

        Returns:
          A nest of [N M, ...], one draw of all rows after the other; and the log-density of the
          mixture of normals at them, [N M].
        """
        size, number = rows.shape[0], num_draws
        num_wide = max(round(_WIDE[0] * number), 1)
        center, unit = center_and_unit(prior_of)
        precision, pull = tf.gather(self._precision, rows), tf.gather(self._pull, rows)
        precision, pull = (
            _outer(unit) * precision,
            unit * (pull - tf.linalg.matvec(precision, center)),
        )
        seeds = random.split_seed(seed, 2)
        points, normals = [], []
        numbers = (num_wide, number - num_wide)
        for part, own_seed, (_, weight, wider) in zip(numbers, seeds, (_WIDE, _NEAR), strict=False):
            # The root of the information of the session and the model together.
            eye = tf.eye(self.num_coordinates, dtype=unit.dtype)
            root = tf.linalg.cholesky(eye + weight * precision)
            loc = tf.linalg.cholesky_solve(root, weight * pull[..., tf.newaxis])[..., 0]
            standard = self._points(part, size, own_seed)[..., tf.newaxis]
            steps = tf.linalg.triangular_solve(root, standard, adjoint=True)[..., 0]
            points.append(loc + wider * steps)
            normals.append((part / number, loc, root / wider))
        in_units = tf.concat(points, axis=0)
        log_density = tf.reduce_logsumexp(
            [math.log(part) + _log_normal(in_units - loc, root) for part, loc, root in normals],
            axis=0,
        )
        log_density -= tf.reduce_sum(tf.math.log(unit), axis=-1)
        points = center + unit * in_units
        prior = prior_of(number)
        bijector = bijector_to("initial draws", prior)
        _, specs = packed_draws(bijector.inverse(random.sample(prior, random.as_seed(0))))
        coordinates = tf.reshape(points, [number * size, -1])
        draw, log_det = forward(bijector, unpack(coordinates, specs))
        return draw, tf.reshape(log_density, [-1]) - log_det

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
        center, unit = center_and_unit(prior_of)
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


def _log_normal(steps: tf.Tensor, root: tf.Tensor) -> tf.Tensor:
    """The log-densities [N, M] of normals at steps [N, M, D] from their means, by roots [M, D, D]
    of their information.
    """
    standard = tf.linalg.matvec(root, steps, transpose_a=True)
    constant = 0.5 * math.log(2 * math.pi)
    log_roots = tf.math.log(tf.linalg.diag_part(root))
    return tf.reduce_sum(log_roots - 0.5 * standard**2 - constant, axis=-1)


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
