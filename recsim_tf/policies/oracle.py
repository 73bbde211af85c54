"""A near-optimal policy for interest evolution, from knowledge that no agent has."""

import tensorflow as tf

from recsim_tf.core.explanations import Explained, Explanation
from recsim_tf.core.ranges import Range
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Policy
from recsim_tf.environments.interest_evolution import InterestEvolutionUsers, UtilityVideos
from recsim_tf.policies import fields
from recsim_tf.policies.beliefs import AffinityScores
from recsim_tf.policies.slates import exact_slate

# Reward per unit of budget that this policy itself earns, about 280 / 200; returns are flat around
# it.
_REWARD_PER_BUDGET = 1.3


def oracle_policy(simulator: Simulator, reward_per_budget: float = _REWARD_PER_BUDGET) -> Policy:
    """A policy for interest evolution that knows the topics' mean qualities and the users' choice
    model.

    A click on topic c earns its length l and costs l - gain * l * quality[c] of the budget, and
    budget is worth `reward_per_budget`; no click counts as zero. The slate is exact for these
    values. It is not proven optimal: it looks at the mean quality only, and neglects that interests
    move.

    Args:
      simulator: interest evolution with `InterestEvolutionUsers`, `UtilityVideos` and a multinomial
        choice.
      reward_per_budget: reward that one unit of budget is worth.

    Raises:
      ValueError: for an environment with queries, other documents, users or choice models, or what
        is no number.
    """
    fields.require_slates("oracle_policy", simulator)
    if not isinstance(simulator.documents, UtilityVideos):
        raise ValueError(
            "the oracle needs interest evolution with UtilityVideos, got"
            f" {type(simulator.documents).__name__}"
        )
    if not isinstance(simulator.users, InterestEvolutionUsers):
        raise ValueError(
            "the oracle needs interest evolution with InterestEvolutionUsers, got"
            f" {type(simulator.users).__name__}"
        )
    Range().check_number("reward_per_budget", reward_per_budget)
    users, videos = simulator.users, simulator.documents
    choice_scores = AffinityScores(users.choice_model)

    def click_values(observation):
        """[B, N]: what a click on each candidate is worth."""
        length = videos.per_user("video_length", 2, tf.float32)
        alpha = users.per_user("user_update_alpha", 2, tf.float32)
        factor = users.per_user("document_quality_factor", 2, tf.float32)
        gain = alpha * factor * length
        value = length - reward_per_budget * (
            length - gain * tf.cast(videos.mean_quality(), tf.float32)
        )
        return tf.linalg.matvec(observation.documents, value)

    def act(observation, policy_state, seed):
        del seed
        weights, no_click_weight = choice_scores(observation)
        values = click_values(observation)
        return exact_slate(weights, no_click_weight, values, simulator.slate_size), policy_state

    def explain(observation, policy_state, seed):
        del policy_state, seed
        weights, no_click_weight = choice_scores(observation)
        return Explanation(
            candidates={"value of a click": click_values(observation), "click weight": weights},
            user={"no-click weight": no_click_weight},
        )

    return Explained(act, explain)
