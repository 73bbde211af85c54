# SPDX-License-Identifier: Apache-2.0
"""Copies of sessions for draws or classes of the same users, and means over them."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.base.types import Nest, Seed, Trajectory
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step.stages import log_prob_per_user


def propose(
    stage: str, distribution: tfd.Distribution, seed: Seed
) -> tuple[Nest, tf.Tensor | float]:
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


def copied_simulator(simulator: Simulator, number: int) -> Simulator:
    """The simulator for so many copies of each session, whose parameters may have a value for each
    session.
    """
    values = {
        name: tf.tile(value, [number, *[1] * simulator.parameter_spec(name).rank])
        for name, value in simulator.parameters().items()
        if len(np.shape(value)) > simulator.parameter_spec(name).rank
    }
    return simulator.with_parameters(values) if values else simulator


def copied_sessions(
    simulator: Simulator, sessions: Trajectory, rows: tf.Tensor, number: int
) -> tuple[Simulator, Trajectory, tf.Tensor]:
    """The simulator, the sessions [T, number * B, ...] and their rows [number * B], for so many
    copies of B sessions.
    """
    copied = Trajectory(
        copies(sessions.initial, number), copies(sessions.transitions, number, axis=1), ()
    )
    return copied_simulator(simulator, number), copied, copies(rows, number)


def log_mean(log_estimates: tf.Tensor, jackknife: bool = True) -> tf.Tensor:
    """The log of a quantity, [...], from the logs [N, ...] of N unbiased estimates of it, N >= 2.

    The log of their mean is low by half its relative variance. The jackknife that leaves one
    estimate out at a time takes the part of this bias away that falls as 1 / N (Nowozin 2018,
    "Debiasing evidence approximations", ICLR): it adds -(N - 1) / N sum_i log(1 - q_i), where
    q_i = (Z_i / mean(Z) - 1) / (N - 1). This grows without bound where one estimate outweighs all
    others, and a search would go there. The first terms of its series, up to q^4, add 13/12 at
    most. Without `jackknife` it is the log of the mean.
    """
    number = log_estimates.shape[0]
    log_sum = tf.reduce_logsumexp(log_estimates, axis=0)
    if not jackknife:
        return log_sum - np.log(number)
    is_possible = tf.math.is_finite(log_sum)
    parts = tf.nn.softmax(tf.where(is_possible, log_estimates, 0), axis=0)
    excess = (number * parts - 1) / (number - 1)
    series = excess**2 / 2 + excess**3 / 3 + excess**4 / 4
    correction = (number - 1) * tf.reduce_mean(series, axis=0)
    return log_sum - np.log(number) + correction


def effective_number(log_weights: tf.Tensor) -> tf.Tensor:
    """The effective number of N draws, (sum w)^2 / sum w^2, [...], from the logs [N, ...] of their
    weights. It is NaN where all weights are zero.
    """
    return tf.exp(tfp.experimental.mcmc.log_ess_from_log_weights(log_weights))
