"""A near-optimal policy for interest evolution, which uses knowledge that no agent has."""

import functools
from typing import Any

import tensorflow as tf

from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Nest, Observation, Seed
from recsim_tf.core.models.explanations import Explanation
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.interest_evolution import InterestEvolutionUsers, UtilityVideos
from recsim_tf.policies import fields
from recsim_tf.policies.choice_scores import AffinityScores
from recsim_tf.policies.policy_model import PolicyModel
from recsim_tf.policies.slates import exact_slate


class OraclePolicy(PolicyModel):
    """A policy for interest evolution that knows the topics' mean qualities and the users' choice
    model.

    A click on topic c earns its length l and costs l - gain * l * quality[c] of the budget. A unit
    of budget has the value `reward_per_budget`, and "no click" has the value zero. The slate is
    exact for these values. It is not proven optimal, since it uses only the mean quality and
    ignores that interests move.

    Args:
      simulator: interest evolution with `InterestEvolutionUsers`, `UtilityVideos` and a multinomial
        choice.
      reward_per_budget: the reward that a unit of budget is worth.

    Raises:
      ValueError: for an environment with queries, other documents, users or choice models, or if
        reward_per_budget is no number.
    """

    simulator: Simulator
    # This policy itself earns about 280 / 200. Returns are flat around the default.
    reward_per_budget: Any = parameter(1.3)

    def check(self):
        fields.require_slates("OraclePolicy", self.simulator)
        users, videos = self.simulator.users, self.simulator.documents
        for model, needed in ((videos, UtilityVideos), (users, InterestEvolutionUsers)):
            if not isinstance(model, needed):
                raise ValueError(
                    f"the oracle needs interest evolution with {needed.__name__}, got"
                    f" {type(model).__name__}"
                )
        AffinityScores(users.choice_model)  # This refuses other choice models.

    @functools.cached_property
    def _choice_scores(self) -> AffinityScores:
        return AffinityScores(self.simulator.users.choice_model)

    def __call__(
        self, observation: Observation, policy_state: Nest, seed: Seed
    ) -> tuple[tf.Tensor, Nest]:
        """Slates int32 [B, K], and the unchanged policy state."""
        weights, no_click_weight = self._choice_scores(observation)
        values = self._click_values(observation)
        slate = exact_slate(weights, no_click_weight, values, self.simulator.slate_size)
        return slate, policy_state

    def explain(self, observation: Observation, policy_state: Nest, seed: Seed) -> Explanation:
        """The value of a click on each candidate, and the weights of the choice."""
        weights, no_click_weight = self._choice_scores(observation)
        return Explanation(
            candidates={
                "value of a click": self._click_values(observation),
                "click weight": weights,
            },
            user={"no-click weight": no_click_weight},
        )

    def _click_values(self, observation: Observation) -> tf.Tensor:
        """The value of a click on each candidate, [B, N]."""
        users, videos = self.simulator.users, self.simulator.documents
        length = videos.per_user("video_length", 2, tf.float32)
        alpha = users.per_user("user_update_alpha", 2, tf.float32)
        factor = users.per_user("document_quality_factor", 2, tf.float32)
        gain = alpha * factor * length
        value = length - self.per_user("reward_per_budget", 2) * (
            length - gain * tf.cast(videos.mean_quality(), tf.float32)
        )
        return tf.linalg.matvec(observation.documents, value)
