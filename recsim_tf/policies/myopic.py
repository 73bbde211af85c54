# SPDX-License-Identifier: Apache-2.0
"""Policies that know the models: myopic ones, which show the documents that users are most likely
to click now, and a near-optimal one for interest evolution.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf import choice
from recsim_tf.core.base.arguments import NotNegative, checked, configurable
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Nest, Observation, Policy, Seed
from recsim_tf.core.models.explanations import Explained, Explanation
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step.session_source import SessionSource
from recsim_tf.environments.interest_evolution import InterestEvolutionUsers, UtilityVideos
from recsim_tf.environments.interest_exploration import InterestExplorationUsers, UserState
from recsim_tf.policies import fields
from recsim_tf.policies.choice_scores import AffinityScores, BeliefScores, ChoiceScores
from recsim_tf.policies.plackett_luce import PlackettLucePolicy
from recsim_tf.policies.policy_model import PolicyModel
from recsim_tf.policies.slates import exact_slate


def myopic_policy(simulator: SessionSource, choice_scores: ChoiceScores | None = None) -> Policy:
    """A policy that maximises the probability of a click. It shows the K candidates of the largest
    choice weight, best first.

    Where every click earns the same, as in interest evolution, this maximises the next reward.

    Args:
      simulator: the environment.
      choice_scores: the beliefs about clicks, by default `AffinityScores()`.

    Raises:
      ValueError: if the environment has queries, or if the choice scores are not for this
        environment. `AffinityScores` need users and documents that are vectors of the same length.
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

    return Explained(act, explain, parts=[simulator, choice_scores])


@configurable(module="recsim_tf.policies")
def softmax_policy(
    simulator: SessionSource,
    sharpness: NotNegative = 1.0,
    choice_scores: ChoiceScores | None = None,
) -> PlackettLucePolicy:
    """A `StochasticPolicy` that shows documents that users are likely to click. Slates are drawn by
    Plackett-Luce with the choice weights to the power of `sharpness`.

    Args:
      simulator, choice_scores: see `myopic_policy`.
      sharpness: 0 for uniform slates; larger numbers bring slates closer to `myopic_policy`.

    Raises:
      ValueError: for the reasons of `myopic_policy`, and for a sharpness that is negative or not
        finite.
    """
    choice_scores = choice_scores or AffinityScores()
    # This refuses choice scores that are not for this environment.
    myopic_policy(simulator, choice_scores)

    def logits(observation: Observation) -> tf.Tensor:
        weights, _ = choice_scores(observation)
        tiny = tf.constant(np.finfo(weights.dtype.as_numpy_dtype).tiny, weights.dtype)
        return sharpness * tf.math.log(tf.maximum(weights, tiny))

    return PlackettLucePolicy.of_logits(logits, simulator.slate_size, parts=[choice_scores])


@checked
def greedy_pctr_policy(
    simulator: Simulator,
    belief: Callable[[Observation], Nest] | None = None,
    choice_model: choice.ChoiceModel | None = None,
) -> Policy:
    """A policy that shows the K candidates of the largest choice weight in a believed user state,
    best first, as RecSim's `GreedyPCTRAgent` does.

    Args:
      simulator: an environment whose users have `scores(state, documents)`, such as interest
        exploration.
      belief: a function from the observation to the believed user state, a nest of [B, ...]. By
        default, in interest exploration, affinities are at their prior mean, so that a document's
        score is the mean affinity to its topic plus its quality.
      choice_model: a multinomial choice model; by default `MultinomialLogit(no_click_mass=5.0)`, as
        in RecSim.

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
    policy: Any = myopic_policy(simulator, BeliefScores(users, belief, choice_model))
    policy.learned_from = simulator.fitted_to
    return policy


def _mean_affinity(users: InterestExplorationUsers, observation: Observation) -> UserState:
    shape = [tf.shape(observation.documents.quality)[0], users.num_topics]
    return UserState(affinity=tf.broadcast_to(users.mean_affinity(log_scale=False), shape))


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

    @property
    def learned_from(self) -> Any:
        """The fingerprint of the sessions that the simulator was fitted to, or ()."""
        return self.simulator.fitted_to

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
