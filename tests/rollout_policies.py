# SPDX-License-Identifier: Apache-2.0
"""Small policies: (observation, policy_state, seed) -> (slate, policy_state)."""

import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.distributions import UniformSlates


def uniform_slate(num_users, num_candidates: int, slate_size: int, seed):
    """Uniform slates int32 [B, K] of N candidates, without replacement."""
    return random.sample(UniformSlates(num_candidates, slate_size, [num_users]), seed)


def first_positions(slate_size: int):
    """Shows the first candidates."""

    def policy(observation, policy_state, seed):
        del seed
        # also where a saved policy leaves it open
        num_users = tf.shape(tf.nest.flatten(observation.documents)[0])[0]
        return tf.tile(tf.range(slate_size)[tf.newaxis], [num_users, 1]), policy_state

    return policy


def uniform_random(slate_size: int):
    """Shows candidates drawn without replacement."""

    def policy(observation, policy_state, seed):
        num_users, num_candidates = tf.nest.flatten(observation.documents)[0].shape[:2]
        return uniform_slate(num_users, num_candidates, slate_size, seed), policy_state

    return policy


def largest(slate_size: int, value):
    """Shows the candidates with the largest `value(observation)` [B, N]."""

    def policy(observation, policy_state, seed):
        del seed
        return tf.math.top_k(value(observation), slate_size).indices, policy_state

    return policy
