"""The likelihood of logs that lack the users' initial draws, by importance sampling."""

from collections.abc import Callable

import tensorflow as tf

from recsim_tf.core.models import UserModel
from recsim_tf.core.types import Trajectory
from recsim_tf.fitting.likelihood.proposals import copies, jackknife, propose

# Of each session: what the jackknife needs.
_NUM_SETS = 2


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
      num_draws: K, of each of the two sets.
      seed: int32 [2]. With the same seed and parameters the estimate is the same.
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
