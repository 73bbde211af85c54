"""The myopic agent: what the user is most likely to click now."""

import tensorflow as tf

from recsim_tf.core.explanations import Explained, Explanation
from recsim_tf.core.sessions import SessionSource
from recsim_tf.core.types import Nest, Observation, Policy, Seed
from recsim_tf.policies import fields
from recsim_tf.policies.choice_scores import AffinityScores, ChoiceScores


def myopic_policy(simulator: SessionSource, choice_scores: ChoiceScores | None = None) -> Policy:
    """A policy that maximises the probability of a click: the K candidates of largest choice
    weight, best first.

    Where every click earns the same, as in interest evolution, this maximises the next reward.

    Args:
      simulator: the environment.
      choice_scores: what the agent believes about clicks, by default `AffinityScores()`.

    Raises:
      ValueError: if the environment has queries, or if the choice scores are not for this
        environment: `AffinityScores` need users and documents that are vectors of one length.
    """
    fields.require_slates("myopic_policy", simulator)
    choice_scores = choice_scores or AffinityScores()
    choice_scores(fields.zeros(simulator.observation_spec(), simulator.num_users or 1))

    def act(observation: Observation, policy_state: Nest, seed: Seed):
        weights, _ = choice_scores(observation)
        return tf.math.top_k(weights, simulator.slate_size).indices, policy_state

    def explain(observation: Observation, policy_state: Nest, seed: Seed):
        weights, no_click_weight = choice_scores(observation)
        return Explanation(
            candidates={"click weight": weights}, user={"no-click weight": no_click_weight}
        )

    return Explained(act, explain)
