"""The myopic agent: what the user is most likely to click now."""

import tensorflow as tf

from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Policy
from recsim_tf.policies.beliefs import AffinityScores, ChoiceScores
from recsim_tf.policies.fields import example_observation


def myopic_policy(simulator: Simulator, choice_scores: ChoiceScores | None = None) -> Policy:
    """A policy that maximises the probability of a click: the K candidates of largest choice
    weight, best first.

    Where every click earns the same, as in interest evolution, this maximises the next reward.

    Args:
      simulator: the environment.
      choice_scores: what the agent believes about clicks, by default `AffinityScores()`.

    Raises:
      ValueError: if the choice scores are not for this environment: `AffinityScores` need users and
        documents that are vectors of one length.
    """
    choice_scores = choice_scores or AffinityScores()
    choice_scores(example_observation(simulator))

    def act(observation, policy_state, seed):
        del seed
        weights, _ = choice_scores(observation)
        return tf.math.top_k(weights, simulator.slate_size).indices, policy_state

    return act
