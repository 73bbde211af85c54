# SPDX-License-Identifier: Apache-2.0
"""Draws of what a log lacks, weighed by what is logged as its sessions go on."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.types import Nest, Seed, SimulatorState, Trajectory
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.methods.particles import systematic_ancestors
from recsim_tf.fitting.methods.proposals import copies, effective_number
from recsim_tf.logs.missing import Part, draw_parts

_OF_USERS = ("response", "innovation", "departure")


def follow(
    scorer: Simulator,
    sessions: Trajectory,
    missing: Sequence[Part],
    drawn: Sequence[str],
    number: int,
    seed: Seed,
    function: Callable[..., Nest],
    carry: Nest,
) -> Nest:
    """Goes through B sessions with N particles of each, which differ in what the log lacks, and
    returns the last carry.

    Initial draws that are missing are drawn from the models, and so are innovations, at each step.
    The weights of the particles are in proportion to the density that they give to what is logged
    before a step: other initial draws, responses, innovations and departures. Where the effective
    number of a session's particles falls below half of them, they are resampled (Gordon et al.
    1993, "Novel approach to nonlinear/non-Gaussian Bayesian state estimation").

    Args:
      scorer: a `scoring_simulator`.
      sessions: a trajectory of single sessions, [T, B, ...].
      missing: the parts of initial draws that sessions lack.
      drawn: the stages of a step that all sessions lack.
      number: N; 1 where nothing is lacking.
      seed: an integer or int32 [2].
      function: (carry, step, state, transition, log_weights) -> carry. State and transition are
        [N * B, ...], as of `Simulator.retrace`; log_weights [N, B], whose exponentials add up to 1
        for each session, know what was logged before the step.
      carry: the first carry.
    """
    size = sessions.transitions.reward.shape[1]
    initial_seed, innovation_seed, ancestor_seed = random.split_seed(seed, 3)
    particles = Trajectory(
        copies(sessions.initial, number), copies(sessions.transitions, number, 1), ()
    )
    log_weights = tf.zeros([number, size], sessions.transitions.reward.dtype)
    if missing:
        particles, of_logged = draw_parts(missing, scorer.users, particles, initial_seed)
        log_weights += tf.cast(tf.reshape(of_logged, log_weights.shape), log_weights.dtype)

    def record(carry, step, state, transition, log_probs):
        inner, log_weights, seed = carry
        inner = function(inner, step, state, transition, log_weights)
        of_step = tf.add_n([log_probs[stage] for stage in _OF_USERS if stage in log_probs])
        of_step = tf.cast(tf.reshape(of_step, log_weights.shape), log_weights.dtype)
        return inner, normalized(log_weights + of_step), seed

    def resample(carry: Nest, state: SimulatorState):
        inner, log_weights, seed = carry
        seed, own_seed = random.split_seed(seed, 2)
        is_uneven = effective_number(log_weights) < number / 2
        stay = tf.broadcast_to(tf.range(number)[:, tf.newaxis], log_weights.shape)
        rows = rows_of(tf.where(is_uneven, systematic_ancestors(log_weights, own_seed), stay))
        log_weights = tf.where(
            is_uneven, tf.constant(-np.log(number), log_weights.dtype), log_weights
        )
        return (inner, log_weights, seed), gathered(state, rows)

    return scorer.retrace(
        particles,
        record,
        (carry, normalized(log_weights), ancestor_seed),
        score=True,
        drawn=drawn,
        seed=innovation_seed,
        select=resample if number > 1 else None,
    )[0]


def normalized(log_weights: tf.Tensor) -> tf.Tensor:
    """Logs of weights [N, B] that sum to one, even ones where none is possible."""
    total = tf.reduce_logsumexp(log_weights, axis=0)
    return tf.where(tf.math.is_finite(total), log_weights - total, -np.log(log_weights.shape[0]))


def rows_of(ancestors: tf.Tensor) -> tf.Tensor:
    """The rows [R * B] of [N * B, ...] that hold particles int32 [R, B] of B sessions."""
    size = ancestors.shape[1]
    return tf.reshape(ancestors * size + tf.range(size), [-1])


def gathered(nest: Nest, rows: tf.Tensor) -> Nest:
    """The rows, int32 [R], of a nest of [B, ...]."""
    return tf.nest.map_structure(
        lambda leaf: tf.ensure_shape(tf.gather(leaf, rows), [rows.shape[0], *leaf.shape[1:]]), nest
    )
