"""Draws that are summed out: proposals with weights, and estimates from two sets of them."""

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.stages import log_prob_per_user
from recsim_tf.core.types import Nest


def propose(stage: str, distribution: tfd.Distribution, seed) -> tuple[Nest, tf.Tensor | float]:
    """A draw of a stage [B, ...] from its own distribution, and the log of its probability over
    that of its proposal, [B] or a number: zero, but with the gradient of a draw that is not
    reparameterised.
    """
    draw = random.sample(distribution, seed)
    if all(
        kind == tfd.FULLY_REPARAMETERIZED
        for kind in tf.nest.flatten(distribution.reparameterization_type)
    ):
        return draw, 0.0
    draw = tf.nest.map_structure(tf.stop_gradient, draw)
    log_prob = log_prob_per_user(stage, distribution, draw)
    return draw, log_prob - tf.stop_gradient(log_prob)


def copies(nest: Nest, number: int, axis: int = 0) -> Nest:
    """A nest of [B, ...] so many times, [number * B, ...]; or along another axis."""

    def tiled(leaf):
        multiples = [1] * leaf.shape.rank
        multiples[axis] = number
        return tf.tile(leaf, multiples)

    return tf.nest.map_structure(tiled, nest)


def jackknife(log_estimates: tf.Tensor) -> tf.Tensor:
    """[...]: the log of a quantity from the logs [2, ...] of two unbiased estimates of it.

    2 log((Z1 + Z2) / 2) - (log Z1 + log Z2) / 2 takes away the part of the bias of a log that falls
    as one over the number of draws (Nowozin 2018, "Debiasing evidence approximations", ICLR).
    """
    log_mean = tf.reduce_logsumexp(log_estimates, axis=0) - tf.math.log(
        tf.cast(log_estimates.shape[0], log_estimates.dtype)
    )
    return 2 * log_mean - tf.reduce_mean(log_estimates, axis=0)
