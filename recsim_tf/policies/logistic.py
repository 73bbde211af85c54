"""Bandits whose rewards follow a logistic model of the arm's features, for B users at once.

A user's history is `features` [B, M, D] and `rewards` [B, M], in [0, 1], of up to M pulls; `mask`
bool [B, M] says which entries are real.
"""

import math
from typing import NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.base import validation
from recsim_tf.core.base.ranges import Range
from recsim_tf.core.base.types import Seed

_MAX_ROUNDS, _TOLERANCE, _MIN_OBSERVATIONS = 20, 1e-3, 11


class LogisticFit(NamedTuple):
    """A ridge-regularised logistic regression of each user's rewards."""

    weights: tf.Tensor  # [B, D]
    # [B, D, D], the Hessian of the negative log-posterior where the last step was taken from
    precision: tf.Tensor


def fit_logistic(
    features: tf.Tensor,
    rewards: tf.Tensor,
    mask: tf.Tensor,
    sigma0: float = 1.0,
) -> LogisticFit:
    """The posterior mode of w ~ N(0, sigma0^2 I), reward ~ Bernoulli(sigmoid(x . w)), by
    iteratively reweighted least squares.

    Each round solves (X^T R X + I / sigma0^2) w' = X^T (R X w - (mu - y)) with mu = sigmoid(X w)
    and R = diag(mu (1 - mu)), from w = 0 (Newton's method; Bishop 2006, section 4.3.3). There
    are 20 rounds at most; a user whose step is shorter than 0.001 takes no more, and one of less
    than 11 pulls has the prior, weights 0 and precision I / sigma0^2 (all as RecSim 0.2.4).

    Args:
      features, rewards, mask: see the module.
      sigma0: standard deviation of the prior.
    """
    features, rewards, observed = _as_observed(features, rewards, mask)
    prior_precision = _prior_precision(features, sigma0)

    def improve(active: tf.Tensor, weights: tf.Tensor, precision: tf.Tensor):
        logits = tf.linalg.matvec(features, weights)
        mean = tf.sigmoid(logits)
        spread = observed * mean * (1.0 - mean)
        new_precision = prior_precision + tf.matmul(
            features, spread[..., tf.newaxis] * features, transpose_a=True
        )
        target = tf.linalg.matvec(
            features, spread * logits - observed * (mean - rewards), transpose_a=True
        )
        root = tf.linalg.cholesky(new_precision)
        new_weights = tf.linalg.cholesky_solve(root, target[..., tf.newaxis])[..., 0]
        step = tf.norm(new_weights - weights, axis=-1)
        weights = tf.where(active[:, tf.newaxis], new_weights, weights)
        precision = tf.where(active[:, tf.newaxis, tf.newaxis], new_precision, precision)
        return active & (step >= _TOLERANCE), weights, precision

    active = tf.reduce_sum(tf.cast(mask, tf.int32), axis=-1) >= _MIN_OBSERVATIONS
    weights = tf.zeros_like(tf.reduce_sum(features, axis=1))
    start = (active, weights, prior_precision + tf.zeros_like(weights)[:, :, tf.newaxis])
    return LogisticFit(
        *tf.while_loop(
            lambda active, *_: tf.reduce_any(active),
            improve,
            start,
            maximum_iterations=_MAX_ROUNDS,
        )[1:]
    )


def ucb_glm_radius(dim: int, horizon: float, optimism_scaling: float = 1.0) -> float:
    """The factor of the confidence radius, o (sigma / kappa) sqrt(d/2 ln(1 + 2 T / d) + ln(1 /
    delta)) (Li, Lu & Zhou 2017, arXiv 1703.00048), with RecSim 0.2.4's sigma = 1/2, kappa = 1/4 and
    delta = 1 / T.

    Args:
      dim: d, of the features.
      horizon: T, number of rounds that are to come, at least 1.
      optimism_scaling: o.
    """
    validation.check_count(dim=dim)
    Range(low=1).check_number("horizon", horizon)
    Range(low=0).check_number("optimism_scaling", optimism_scaling)
    return (
        optimism_scaling
        * 2.0
        * math.sqrt(dim / 2 * math.log(1 + 2 * horizon / dim) + math.log(horizon))
    )


def ucb_glm(
    features: tf.Tensor,
    rewards: tf.Tensor,
    mask: tf.Tensor,
    arms: tf.Tensor,
    horizon: float,
    sigma0: float = 1.0,
    optimism_scaling: float = 1.0,
) -> tf.Tensor:
    """UCB-GLM's scores x . w + C |x|_{V^-1}, V = sum of x x^T + I / sigma0^2 (Li, Lu & Zhou 2017,
    arXiv 1703.00048, Algorithm 1).

    Args:
      features, rewards, mask: see the module.
      arms: [B, A, D].
      horizon: see `ucb_glm_radius`.
      sigma0: see `fit_logistic`.
      optimism_scaling: factor of the confidence radius.

    Returns:
      [B, A].
    """
    fit = fit_logistic(features, rewards, mask, sigma0)
    features, _, _ = _as_observed(features, rewards, mask)
    design = tf.matmul(features, features, transpose_a=True) + _prior_precision(features, sigma0)
    whitened = tf.linalg.triangular_solve(
        tf.linalg.cholesky(design), tf.linalg.matrix_transpose(arms)
    )
    radius = ucb_glm_radius(features.shape[-1], horizon, optimism_scaling)
    return tf.linalg.matvec(arms, fit.weights) + radius * tf.norm(whitened, axis=-2)


def glm_thompson(
    features: tf.Tensor,
    rewards: tf.Tensor,
    mask: tf.Tensor,
    arms: tf.Tensor,
    seed: Seed,
    sigma0: float = 1.0,
    optimism_scaling: float = 1.0,
) -> tf.Tensor:
    """GLM-TS's scores x . w~ with w~ ~ N(w, o^2 G^-1), the Laplace posterior of `fit_logistic`
    (Chapelle & Li 2011, Algorithm 3).

    Args:
      features, rewards, mask: see the module.
      arms: [B, A, D].
      seed: int32 [2], a new one for every round.
      sigma0: see `fit_logistic`.
      optimism_scaling: o.

    Returns:
      [B, A].
    """
    fit = fit_logistic(features, rewards, mask, sigma0)
    noise = random.sample(tfd.Normal(tf.zeros_like(fit.weights), 1.0), seed)
    # With G = L L^T, the covariance of L^-T z is G^-1.
    root = tf.linalg.cholesky(fit.precision)
    spread = tf.linalg.triangular_solve(root, noise[..., tf.newaxis], adjoint=True)[..., 0]
    return tf.linalg.matvec(arms, fit.weights + optimism_scaling * spread)


def _as_observed(features: tf.Tensor, rewards: tf.Tensor, mask: tf.Tensor):
    """Features and rewards with zeros where nothing was observed, and the mask as numbers."""
    features, rewards = tf.convert_to_tensor(features), tf.convert_to_tensor(rewards)
    zero = tf.zeros([], features.dtype)
    return (
        tf.where(mask[..., tf.newaxis], features, zero),
        tf.where(mask, rewards, zero),
        tf.cast(mask, features.dtype),
    )


def _prior_precision(features: tf.Tensor, sigma0: float):
    Range(above=0).check_number("sigma0", sigma0)
    return tf.eye(features.shape[-1], dtype=features.dtype) / sigma0**2
