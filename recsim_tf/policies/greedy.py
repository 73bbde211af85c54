"""Greedy predicted click-through rate: the likeliest clicks of a user as the agent believes them to
be.
"""

import functools
from collections.abc import Callable

import tensorflow as tf

from recsim_tf import choice
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Nest, Observation, Policy
from recsim_tf.environments.interest_exploration import InterestExplorationUsers, UserState
from recsim_tf.policies import fields
from recsim_tf.policies.choice_scores import BeliefScores
from recsim_tf.policies.myopic import myopic_policy


def greedy_pctr_policy(
    simulator: Simulator,
    belief: Callable[[Observation], Nest] | None = None,
    choice_model: choice.ChoiceModel | None = None,
) -> Policy:
    """A policy that shows the K candidates of largest choice weight in a believed user state, best
    first; RecSim's `GreedyPCTRAgent`.

    Args:
      simulator: an environment whose users have `scores(state, documents)`, as interest
        exploration.
      belief: maps the observation to the user state that the agent believes in, a nest of [B, ...].
        By default, in interest exploration, affinities are at their prior mean, so that a
        document's score is the mean affinity to its topic plus its quality.
      choice_model: multinomial; by default `MultinomialLogit(no_click_mass=5.0)`, as in RecSim.

    Raises:
      ValueError: if the environment has queries, if the users have no `scores`, or if there is no
        belief for them.
    """
    fields.require_slates("greedy_pctr_policy", simulator)
    users = simulator.users
    if belief is None:
        if not isinstance(users, InterestExplorationUsers):
            raise ValueError(
                "belief must be given for users other than InterestExplorationUsers, got None for"
                f" {type(users).__name__}"
            )
        belief = functools.partial(_mean_affinity, users)
    choice_model = choice_model or choice.MultinomialLogit(no_click_mass=5.0)
    return myopic_policy(simulator, BeliefScores(users, belief, choice_model))


def _mean_affinity(users: InterestExplorationUsers, observation: Observation) -> UserState:
    shape = [tf.shape(observation.documents.quality)[0], users.num_topics]
    return UserState(affinity=tf.broadcast_to(users.mean_affinity(log_scale=False), shape))
