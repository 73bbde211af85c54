"""Random slates."""

import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.sessions import SessionSource
from recsim_tf.core.types import Policy


def random_policy(simulator: SessionSource) -> Policy:
    """A policy that shows uniform slates, full and without repetition."""

    def act(observation, policy_state, seed):
        documents = tf.nest.flatten(observation.documents)[0]
        # A saved policy does not know its number of users.
        num_users = documents.shape[0] or tf.shape(documents)[0]
        slate = uniform_slate(num_users, simulator.num_candidates, simulator.slate_size, seed)
        return slate, policy_state

    return act


def uniform_slate(num_users, num_candidates: int, slate_size: int, seed) -> tf.Tensor:
    """Uniform slates without replacement, in random order.

    Position k gets a rank among the candidates that are left, uniform in [0, num_candidates - k).
    Going back through the earlier ranks, one step up for each that is not above it, turns it into a
    position among all (a Lehmer code). That takes slate_size random numbers and no sort, whatever
    the number of candidates.

    Args:
      num_users: B, an int or a scalar tensor.
      num_candidates: N.
      slate_size: K, at most N.
      seed: an integer or int32 [2].

    Returns:
      int32 [B, K].
    """
    num_left = tf.range(num_candidates, num_candidates - slate_size, -1, dtype=tf.float32)
    numbers = random.uniform([num_users, slate_size], seed)
    ranks = tf.unstack(tf.cast(numbers * num_left, tf.int32), axis=1)
    slate = []
    for k, position in enumerate(ranks):
        for rank in reversed(ranks[:k]):
            position += tf.cast(position >= rank, tf.int32)
        slate.append(position)
    return tf.stack(slate, axis=1)
