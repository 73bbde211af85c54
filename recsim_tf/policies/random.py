"""Random slates."""

import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Policy


def random_policy(simulator: Simulator) -> Policy:
    """A policy that shows uniform slates."""

    def act(observation, policy_state, seed):
        num_users = tf.shape(tf.nest.flatten(observation.documents)[0])[0]
        return (
            random.uniform_slate(num_users, simulator.num_candidates, simulator.slate_size, seed),
            policy_state,
        )

    return act
