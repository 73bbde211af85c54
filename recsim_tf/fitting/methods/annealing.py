# SPDX-License-Identifier: Apache-2.0
"""Annealed chains: from the prior of what sessions lack to its posterior, as the likelihood counts
more and more (Del Moral et al. 2006, "Sequential Monte Carlo samplers").
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from recsim_tf.core import random
from recsim_tf.core.base.types import Seed
from recsim_tf.core.runs.execution import traced_call
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.methods.latents import Latents
from recsim_tf.fitting.methods.particles import systematic_ancestors
from recsim_tf.fitting.methods.proposals import copied_simulator
from recsim_tf.logs.log import Log
from recsim_tf.support.progress import progress_bar

_NUM_LEAPFROG_STEPS = 5
_FIRST_STEP_SIZE = 0.1
_ACCEPTANCE = 0.75
# How fast the logarithm of a step size changes with the acceptance of its chains.
_ADAPTATION = 1.0
# The lowest inverse temperature at which annealing begins.
FIRST_BETA = 1e-5

# Positions [C, S, D] -> the log-density of the prior, and the log-likelihood, each [C, S].
Parts = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class AnnealedChains(NamedTuple):
    """C chains for each of S sessions."""

    positions: tf.Tensor  # [C, S, D], coordinates of `Latents`
    step_sizes: tf.Tensor  # [S]
    acceptance: tf.Tensor  # [C, S], of the last moves
    beta: tf.Tensor  # [], the inverse temperature, in [0, 1]


def chains_of(
    simulator: Simulator, log: Log, num_chains: int, seed: Seed
) -> tuple[Latents, AnnealedChains]:
    """The latents of C * S sessions, which are the S sessions of a log C times over; and C chains
    of each session, at draws from about the prior. A parameter may have a value for each session.
    """
    rows = np.tile(np.arange(log.num_sessions), num_chains)
    latents = Latents(copied_simulator(simulator, num_chains), log.take(rows), seed)
    positions = tf.reshape(latents.start, [num_chains, log.num_sessions, -1])
    zeros = tf.zeros(positions.shape[:2], positions.dtype)
    return latents, AnnealedChains(positions, zeros[0] + _FIRST_STEP_SIZE, zeros, zeros[0, 0])


def move(
    parts: Parts, chains: AnnealedChains, beta: tf.Tensor, num_moves: tf.Tensor, seed: Seed
) -> tuple[AnnealedChains, tf.Tensor]:
    """Chains after a rise of the inverse temperature to beta, and so many moves of Hamiltonian
    Monte Carlo of each; and the logs [S] of the mean weights of the rise. Where beta has risen the
    chains of a session are drawn anew in proportion to what the rise makes of their probabilities.
    """
    resampling_seed, loop_seed = random.split_seed(seed, 2)
    before = chains.beta
    num_chains, num_sessions, _ = chains.positions.shape
    _, likelihood = parts(chains.positions)
    weights = tf.where(beta > before, (beta - before) * likelihood, tf.zeros_like(likelihood))
    log_weights = tf.reduce_logsumexp(weights, axis=0) - np.log(num_chains)
    ancestors = systematic_ancestors(tf.nn.log_softmax(weights, axis=0), resampling_seed)
    keep = tf.broadcast_to(tf.range(num_chains)[:, tf.newaxis], [num_chains, num_sessions])
    # Where all chains of a session are impossible, none is better.
    ancestors = tf.where((beta > before) & tf.math.is_finite(log_weights), ancestors, keep)
    columns = tf.broadcast_to(tf.range(num_sessions), ancestors.shape)
    positions = tf.gather_nd(chains.positions, tf.stack([ancestors, columns], axis=-1))

    def target(positions):
        prior, likelihood = parts(positions)
        return prior + beta * likelihood

    kernel = tfp.mcmc.HamiltonianMonteCarlo(
        target, chains.step_sizes[:, tf.newaxis], _NUM_LEAPFROG_STEPS
    )

    def body(step, positions, results, total, seed):
        seed, move_seed = random.split_seed(seed, 2)
        positions, results = kernel.one_step(positions, results, seed=move_seed)
        accepted = tf.exp(tf.minimum(results.log_accept_ratio, 0))
        accepted = tf.where(tf.math.is_finite(accepted), accepted, tf.zeros_like(accepted))
        return step + 1, positions, results, total + accepted, seed

    results = kernel.bootstrap_results(positions)
    loop_vars = (0, positions, results, tf.zeros_like(likelihood), loop_seed)
    _, positions, _, total, _ = tf.while_loop(
        lambda step, *_: step < num_moves, body, loop_vars, parallel_iterations=1
    )
    acceptance = total / tf.cast(tf.maximum(num_moves, 1), total.dtype)
    # One for all chains of a session: that of a single chain would depend on where it is.
    excess = tf.reduce_mean(acceptance, axis=0) - _ACCEPTANCE
    step_sizes = chains.step_sizes * tf.exp(_ADAPTATION * excess)
    return AnnealedChains(positions, step_sizes, acceptance, beta), log_weights


def anneal(
    move: Callable[..., tuple[AnnealedChains, tf.Tensor]],
    chains: AnnealedChains,
    num_rises: int,
    num_moves: int,
    seed: Seed,
    progress: bool = False,
    first: float = FIRST_BETA,
) -> tuple[AnnealedChains, np.ndarray]:
    """Chains of the posterior from those of the prior that `chains_of` makes, and log-likelihoods.
    The inverse temperature rises from `first`.

    `move` is compiled, with the arguments of `move` above from the second on. The log-likelihoods
    [S] are an estimate by annealed importance: the sum over the rises of the logs of the chains'
    mean weights (Neal 2001, "Annealed importance sampling").
    """
    log_likelihood = np.zeros(chains.step_sizes.shape)
    seeds = random.split_seed(random.as_seed(seed), num_rises)
    for number in progress_bar(range(num_rises), show=progress, desc="annealing", unit=" rises"):
        beta = tf.cast(inverse_temperature(number, num_rises, first), chains.beta.dtype)
        chains, log_weights = traced_call(move, chains, beta, tf.constant(num_moves), seeds[number])
        log_likelihood += log_weights
    return chains, log_likelihood


def inverse_temperature(number: int, count: int, first: float = FIRST_BETA) -> float:
    """The inverse temperature of a step, from 0, of an annealing in `count` steps, which begins
    above `first` and ends at 1; 1 afterwards.
    """
    return 1.0 if number >= count else first ** (1 - (number + 1) / count)
