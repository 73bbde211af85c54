# SPDX-License-Identifier: Apache-2.0
"""The bound of key-terms: the best arms of the rounds in which the best arms are offered."""

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator, click_reward
from recsim_tf.optima.bound import BOUND, OPTIMUM, Bound, Sessions, require
from recsim_tf.support.means import Mean

# The sessions are drawn in parts, since the features of offers take much memory.
_PART = 500


def key_terms(simulator: Simulator, sessions: Sessions) -> Bound:
    """Tastes do not change, and offers do not depend on slates. A policy that knows the tastes and
    all offers of a session recommends in the rounds with the best arms, and asks in the others.
    """
    users, documents = simulator.users, simulator.documents
    require("reward_fn", "click_reward", simulator.reward_fn, simulator.reward_fn is click_reward)
    require("slate_size", "1", simulator.slate_size, simulator.slate_size == 1)
    resampled = simulator.resample_documents
    require("resample_documents", "True", resampled, resampled)
    require("num_steps", "given", sessions.num_steps, sessions.num_steps is not None)
    num_steps = sessions.steps()
    num_arms, _ = documents.split(simulator.num_candidates)
    features = documents.features_of(tf.range(documents.num_arms)[tf.newaxis])[0]

    @compiled(user_steps=0)
    def best_arms(tastes: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """The probabilities [B] that users like the best of the arms that are offered."""
        scores = tf.linalg.matmul(tastes, features, transpose_b=True)
        offers = random.uniform_integers([tastes.shape[0], num_arms], seed, documents.num_arms)
        liked = tf.clip_by_value(scores, 0.0, 1.0)
        return tf.reduce_max(tf.gather(liked, offers, batch_dims=1), axis=1)

    returns = []
    for part in range(0, sessions.number, _PART):
        first, *seeds = random.split_seed([sessions.seed, part], 1 + num_steps)
        draws = random.sample(users.initial_draws(min(_PART, sessions.number - part)), first)
        tastes = users.initial_state(draws).taste
        best = np.stack([best_arms(tastes, seed).numpy() for seed in seeds])
        rounds = np.sort(best, axis=0)[::-1][: users.num_rounds]
        returns.append(rounds.sum(axis=0))
    mean = Mean.of(np.concatenate(returns))
    return Bound(
        mean.value,
        mean.standard_error,
        OPTIMUM if num_steps <= users.num_rounds else BOUND,
        "Tastes do not change and offers do not depend on slates. No policy earns more than the"
        " best arms of the rounds with the best offers.",
    )
