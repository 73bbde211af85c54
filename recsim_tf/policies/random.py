"""Random slates, and random turns."""

import tensorflow as tf

from recsim_tf.core import nests, random, turns
from recsim_tf.core.sessions import SessionSource
from recsim_tf.core.types import Nest, Observation, Policy, Seed, Turn

# Queries that are drawn for a user, until one meets the conditions of the users.
_TRIES = 8


def random_policy(simulator: SessionSource) -> Policy:
    """A policy that shows uniform slates, full and without repetition.

    Where there is a `query_spec` the queries are uniform in its ranges. Of several draws a user
    gets the first that `turn_conditions` allows, or if it allows none the query of
    `turns.some_turn`.
    """

    def act(observation: Observation, policy_state: Nest, seed: Seed):
        documents = tf.nest.flatten(observation.documents)[0]
        # A saved policy does not know its number of users.
        num_users = nests.num_rows(documents)
        asks = bool(tf.nest.flatten(simulator.query_spec))
        slate_seed, query_seed = random.split_seed(seed, 2) if asks else (seed, None)
        slate = uniform_slate(num_users, simulator.num_candidates, simulator.slate_size, slate_seed)
        if not asks:
            return slate, policy_state
        return Turn(slate, _random_query(simulator, slate, num_users, query_seed)), policy_state

    return act


def _random_query(
    simulator: SessionSource, slate: tf.Tensor, num_users: int | tf.Tensor, seed: Seed
) -> Nest:
    query = turns.some_turn(simulator, num_users).query
    # XLA compiles one draw sooner than as many as there are tries.
    draws = turns.random_queries(simulator.query_spec, num_users, seed, _TRIES)
    for index in range(_TRIES):
        tried = tf.nest.map_structure(lambda leaf, index=index: leaf[:, index], draws)
        # The last one that is allowed is as random as the first.
        query = nests.where(turns.accepted(simulator, Turn(slate, tried)), tried, query)
    return query


def uniform_slate(
    num_users: int | tf.Tensor, num_candidates: int, slate_size: int, seed: Seed
) -> tf.Tensor:
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
