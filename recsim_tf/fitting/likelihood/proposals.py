"""Draws that are summed out: proposals with weights, and estimates from two sets of them."""

from collections.abc import Callable

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.models import UserModel
from recsim_tf.core.stages import log_prob_per_user
from recsim_tf.core.types import Nest, Trajectory

# Of each session: what the jackknife needs.
_NUM_SETS = 2


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


def summed_over_initial_draws(
    users: UserModel,
    score: Callable[[Trajectory], tf.Tensor],
    sessions: Trajectory,
    num_draws: int,
    seed,
) -> tf.Tensor:
    """Estimates the log-likelihood of sessions with the users' initial draws summed out, [B].

    Each session has two sets of draws from the model's own distribution of initial draws. The mean
    of the likelihoods given each draw is an unbiased estimate of the likelihood. Its log is low by
    half its variance over the number of draws; a jackknife of the two sets takes most of that
    away. The variance grows with what a session tells of its user: long sessions want many draws,
    or a posterior.

    Args:
      users: the user model.
      score: maps sessions to log-probabilities [B] of all that users drew, initial draws included.
      sessions: [T, B, ...], without initial draws of the users.
      num_draws: of each of the two sets.
      seed: int32 [2].
    """
    num_users = sessions.transitions.reward.shape[1]
    number = _NUM_SETS * num_draws
    prior = users.initial_draws(number * num_users)
    draw, log_factor = propose("user", prior, seed)
    initial = copies(sessions.initial._replace(user=()), number)
    repeated = Trajectory(
        initial._replace(user=draw), copies(sessions.transitions, number, axis=1), ()
    )
    # The proposal is the prior, so that the probability of the draw itself cancels.
    of_draw = prior.log_prob(draw)
    log_likelihood = score(repeated) - of_draw + log_factor
    by_set = tf.reshape(log_likelihood, [_NUM_SETS, num_draws, num_users])
    log_means = tf.reduce_logsumexp(by_set, axis=1) - tf.math.log(tf.cast(num_draws, by_set.dtype))
    return jackknife(log_means)
