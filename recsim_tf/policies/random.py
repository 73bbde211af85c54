# SPDX-License-Identifier: Apache-2.0
"""A policy of random slates or turns."""

import tensorflow as tf

from recsim_tf.core import nests, random
from recsim_tf.core.base.arguments import checked
from recsim_tf.core.base.traces import joint_key
from recsim_tf.core.base.types import Nest, Observation, Seed, Turn
from recsim_tf.core.distributions import UniformSlates
from recsim_tf.core.step import turns
from recsim_tf.core.step.session_source import SessionSource

# The number of queries drawn for a user, of which one that meets the conditions is chosen.
_TRIES = 8


class UniformPolicy:
    """A policy that shows uniform slates, full and without repetition. It is a `StochasticPolicy`.

    Where there is a `query_spec` the queries are uniform in its ranges. A user gets one of several
    draws that `turn_conditions` allows, or the query of `turns.some_turn` if it allows none. The
    probabilities of such turns are unknown.

    Args:
      simulator: the environment.

    Raises:
      ValueError: if `simulator` is not a SessionSource, such as a Simulator.
    """

    @checked
    def __init__(self, simulator: SessionSource):
        self._simulator = simulator

    def trace_key(self) -> tuple | None:
        """The key of the environment."""
        return joint_key(self._simulator)

    def decide(self, observation: Observation, policy_state: Nest) -> tuple[UniformSlates, Nest]:
        """The distribution [B] of the slates, and the unchanged policy state. Raises a ValueError
        for an environment with queries.
        """
        turns.require_no_queries(
            "the distribution of random_policy", self._simulator.query_spec, "its turns are drawn"
        )
        return self._slates(observation), policy_state

    def __call__(
        self, observation: Observation, policy_state: Nest, seed: Seed
    ) -> tuple[Nest, Nest]:
        """Slates int32 [B, K] or turns, and the unchanged policy state."""
        slates = self._slates(observation)
        if not tf.nest.flatten(self._simulator.query_spec):
            return random.sample(slates, seed), policy_state
        slate_seed, query_seed = random.split_seed(seed, 2)
        slate, num_users = random.sample(slates, slate_seed), nests.num_rows(observation.documents)
        query = _random_query(self._simulator, slate, num_users, query_seed)
        return Turn(slate, query), policy_state

    def _slates(self, observation: Observation) -> UniformSlates:
        # A saved policy does not know its number of users.
        num_users = nests.num_rows(observation.documents)
        simulator = self._simulator
        return UniformSlates(simulator.num_candidates, simulator.slate_size, [num_users])


def random_policy(simulator: SessionSource) -> UniformPolicy:
    """The `UniformPolicy` of an environment."""
    return UniformPolicy(simulator)


def _random_query(
    simulator: SessionSource, slate: tf.Tensor, num_users: int | tf.Tensor, seed: Seed
) -> Nest:
    query = turns.some_turn(simulator, num_users).query
    # XLA compiles one draw of all tries sooner than a draw for each try.
    draws = turns.random_queries(simulator.query_spec, num_users, seed, _TRIES)
    for index in range(_TRIES):
        tried = tf.nest.map_structure(lambda leaf, index=index: leaf[:, index], draws)
        # The last allowed query is as random as the first.
        query = nests.where(turns.accepted(simulator, Turn(slate, tried)), tried, query)
    return query
