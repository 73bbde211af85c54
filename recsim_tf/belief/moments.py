# SPDX-License-Identifier: Apache-2.0
"""Moments of a `GaussianBelief`: particles with given moments, and those of weighted particles."""

from typing import NamedTuple

import tensorflow as tf

from recsim_tf.belief.points import Points
from recsim_tf.belief.priors import Prior
from recsim_tf.core import random

# The smallest variance of a direction, as a fraction of the prior variance.
_LEAST_VARIANCE = 1e-6
# The smallest factor by which a category's probability may fall in a turn. It stays positive, so
# that the category can recover.
_LEAST_FACTOR = 1e-6


class Fitted(NamedTuple):
    """Moments as offsets from those of the prior."""

    mean: tf.Tensor  # [B, F], mean of the normal coordinates of all fields together
    scale: tf.Tensor  # [B, F, F], square root of their covariance
    log_probs: tuple[tf.Tensor, ...]  # [B, ..., C] for each field of categories


class Sampled(NamedTuple):
    """The coordinates and categories of particles, which determine their draws."""

    coordinates: list[tf.Tensor]  # [B, P, f] for each normal field
    categories: list[tf.Tensor]  # int32 [B, P, ...] for each field of categories


class _AtPoints(NamedTuple):
    """The points of particles, the same for all users."""

    normals: tf.Tensor  # [P, F], with mean 0 and covariance I
    products: tf.Tensor  # [P, F * F], products of the coordinates of a point
    uniforms: list[tf.Tensor]  # [P, ...] for each field of categories


def at_points(prior: Prior, points: Points) -> _AtPoints:
    """The points that the fields of a prior need."""
    normals = tf.constant(points.normals(prior.size), prior.dtype)
    products = normals[:, :, tf.newaxis] * normals[:, tf.newaxis]
    shapes = [field.log_probs.shape[:-1] for field in prior.categories]
    sizes = [shape.num_elements() for shape in shapes]
    uniforms = tf.constant(points.uniforms(sum(sizes)), prior.dtype)
    parts = [
        tf.reshape(part, [len(part), *shape])
        for part, shape in zip(tf.split(uniforms, [*sizes, 0], axis=1), shapes, strict=False)
    ]
    return _AtPoints(normals, tf.reshape(products, [-1, prior.size**2]), parts)


def zeros(prior: Prior, num_users: int) -> Fitted:
    """The moments of the prior."""
    return Fitted(
        mean=tf.zeros([num_users, prior.size], prior.dtype),
        scale=tf.zeros([num_users, prior.size, prior.size], prior.dtype),
        log_probs=tuple(
            tf.zeros([num_users, *field.log_probs.shape], prior.dtype) for field in prior.categories
        ),
    )


def normals(prior: Prior, fitted: Fitted) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean [B, F] and square root of the covariance [B, F, F]."""
    return prior.loc() + fitted.mean, prior.scale() + fitted.scale


def categories(prior: Prior, fitted: Fitted) -> list[tf.Tensor]:
    """Log-probabilities [B, ..., C] for each field of categories."""
    return [
        tf.nn.log_softmax(field.log_probs + offset)
        for field, offset in zip(prior.categories, fitted.log_probs, strict=True)
    ]


def sampled(prior: Prior, fitted: Fitted, points: _AtPoints) -> Sampled:
    """Particles with these moments."""
    mean, scale = normals(prior, fitted)
    coordinates = mean[:, tf.newaxis] + tf.matmul(points.normals, scale, transpose_b=True)
    codes = [
        random.categorical_from_uniform(uniforms, tf.exp(log_probs)[:, tf.newaxis])
        for uniforms, log_probs in zip(points.uniforms, categories(prior, fitted), strict=True)
    ]
    return Sampled(prior.split(coordinates), codes)


def fitted(
    prior: Prior, before: Fitted, points: _AtPoints, old: Sampled, new: Sampled, weights: tf.Tensor
) -> Fitted:
    """The moments of particles with weights [B, P] after a turn.

    Args:
      prior: the prior.
      before: the moments before the turn.
      points: the points of the particles.
      old: the particles before the turn.
      new: the particles after the turn. Coordinates that have not changed are the same objects.
      weights: [B, P].
    """
    mean, scale = before.mean, before.scale
    changed = [
        after is not earlier
        for after, earlier in zip(new.coordinates, old.coordinates, strict=True)
    ]
    if any(changed):
        mean, root = _refitted(tf.concat(new.coordinates, axis=2), weights, prior.scale())
        mean, scale = mean - prior.loc(), root - prior.scale()
    elif changed:
        step, root = _reweighed(prior.scale() + scale, weights, points)
        mean, scale = mean + step, root - prior.scale()
    log_probs = tuple(
        _offset(_reweighed_categories(log_probs, codes, new_codes, weights), field.log_probs)
        for field, log_probs, codes, new_codes in zip(
            prior.categories, categories(prior, before), old.categories, new.categories, strict=True
        )
    )
    return Fitted(mean, scale, log_probs)


def cautious_weights(log_likelihood: tf.Tensor, least_effective: float) -> tf.Tensor:
    """Weights [B, P] from log-likelihoods [B, P] of which the largest is 0.

    If their effective number of particles, 1 / sum w^2, is below `least_effective`, they are mixed
    with equal weights until it is `least_effective`.
    """
    likelihood = tf.exp(log_likelihood)
    weights = likelihood / tf.reduce_sum(likelihood, axis=1, keepdims=True)
    equal = 1 / weights.shape[1]
    excess = tf.reduce_sum(weights**2, axis=1, keepdims=True) - equal
    allowed = tf.constant(1 / least_effective - equal, weights.dtype)
    share = tf.sqrt(allowed / tf.maximum(excess, allowed))
    return share * weights + (1 - share) * equal


def _unbiased(weights: tf.Tensor) -> tf.Tensor:
    """The factor [B, 1, 1] that corrects covariances for weights [B, P]; 1 for equal weights."""
    free = (1 - tf.reduce_sum(weights**2, axis=1)) / (1 - 1 / weights.shape[1])
    return 1 / free[:, tf.newaxis, tf.newaxis]


def _reweighed(
    scale: tf.Tensor, weights: tf.Tensor, points: _AtPoints
) -> tuple[tf.Tensor, tf.Tensor]:
    """The shift of the mean [B, F], and the new square root of the covariance [B, F, F], of
    weighted particles mean + scale z. No matrix is inverted.
    """
    size = points.normals.shape[1]
    mean = tf.matmul(weights, points.normals)
    second = tf.reshape(tf.matmul(weights, points.products), [-1, size, size])
    covariance = (second - mean[:, :, tf.newaxis] * mean[:, tf.newaxis]) * _unbiased(weights)
    covariance += _LEAST_VARIANCE * tf.eye(size, dtype=covariance.dtype)
    return tf.linalg.matvec(scale, mean), tf.matmul(scale, tf.linalg.cholesky(covariance))


def _refitted(
    coordinates: tf.Tensor, weights: tf.Tensor, prior_scale: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean [B, F] and square root of the covariance [B, F, F] of weighted particles [B, P, F]."""
    mean = tf.reduce_sum(weights[:, :, tf.newaxis] * coordinates, axis=1)
    centred = coordinates - mean[:, tf.newaxis]
    covariance = tf.matmul(weights[:, :, tf.newaxis] * centred, centred, transpose_a=True)
    least = _LEAST_VARIANCE * (tf.reduce_sum(prior_scale**2, axis=1) + _LEAST_VARIANCE)
    root = tf.linalg.cholesky(covariance * _unbiased(weights) + tf.linalg.diag(least))
    return mean, root


def _reweighed_categories(
    log_probs: tf.Tensor, before: tf.Tensor, after: tf.Tensor, weights: tf.Tensor
) -> tf.Tensor:
    """Log-probabilities [B, ..., C] of categories after a turn, from those before it, and the
    particles' categories int32 [B, P, ...] before and after it.

    The particles of a category divide its probability, so their number, which is rounded, does not
    matter. A category without particles keeps its probability.
    """
    num_particles, num_categories = weights.shape[1], log_probs.shape[-1]
    probs = tf.exp(log_probs)
    was = tf.one_hot(before, num_categories, dtype=weights.dtype)
    number = tf.reduce_sum(was, axis=1)
    shares = tf.math.divide_no_nan(probs, number)[:, tf.newaxis]
    ratios = tf.reshape(
        num_particles * weights, [-1, num_particles, *[1] * (before.shape.rank - 2)]
    )
    mass = ratios * tf.reduce_sum(was * shares, axis=-1)
    is_now = was if after is before else tf.one_hot(after, num_categories, dtype=weights.dtype)
    new_mass = tf.reduce_sum(mass[..., tf.newaxis] * is_now, axis=1)
    new_mass = tf.where(number > 0, new_mass, new_mass + probs)
    new_mass = tf.maximum(new_mass, _LEAST_FACTOR * probs)
    possible = new_mass > 0
    logs = tf.where(possible, tf.math.log(tf.where(possible, new_mass, 1)), -float("inf"))
    return logs - tf.math.log(tf.reduce_sum(new_mass, axis=-1, keepdims=True))


def _offset(log_probs: tf.Tensor, prior_log_probs: tf.Tensor) -> tf.Tensor:
    """The offset of log-probabilities from those of the prior; 0 where the prior's are -inf."""
    possible = prior_log_probs > -float("inf")
    return tf.where(possible, log_probs - tf.where(possible, prior_log_probs, 0), 0)
