"""The policy whose return is differentiated: slates drawn from a Plackett-Luce distribution, or
turns.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.types import Nest, Observation, Seed
from recsim_tf.core.distributions import IndependentParts, PlackettLuce, parts_of
from recsim_tf.core.models.explanations import Explanation
from recsim_tf.policies import fields

Actions: TypeAlias = PlackettLuce | IndependentParts


class PlackettLucePolicy:
    """A rollout policy that draws slates, or turns, and knows their log-probabilities. It has no
    state, but of a network with a memory.

        policy = PlackettLucePolicy.of_network(SlatePolicyNetwork(observation_spec, slate_size))

    Args:
      distribution: maps an observation to the `PlackettLuce` [B] of its slates, or to the
        `IndependentParts` [B] of a `Turn`. Parameters live in it.
    """

    def __init__(self, distribution: Callable[[Observation], Actions]):
        self.distribution = distribution

    @classmethod
    def of_logits(
        cls, item_logits: Callable[[Observation], tf.Tensor], slate_size: int
    ) -> "PlackettLucePolicy":
        """The policy of a function that maps an observation to logits [B, N] of the candidates."""
        return cls(lambda observation: PlackettLuce(item_logits(observation), slate_size))

    @classmethod
    def of_network(cls, network: Any) -> "PlackettLucePolicy":
        """The policy of a network that gives (distribution [B], state), as `SlatePolicyNetwork` or
        `TurnPolicyNetwork`: the one that REINFORCE trains. With a `state_spec` the network's state
        is that of the policy.
        """
        if tf.nest.flatten(network.state_spec):

            def decide(observation: Observation, policy_state: Nest):
                return network(observation, network_state=policy_state)

            return RememberingPolicy(decide, network.state_spec)
        return cls(lambda observation: network(observation)[0])

    def initial_state(self, num_users: int) -> Nest:
        """The policy state at the start of a session, a nest of [num_users, ...]; () for none."""
        return ()

    def decide(self, observation: Observation, policy_state: Nest) -> tuple[Actions, Nest]:
        """The distribution [B] of the actions, and the next policy state."""
        return self.distribution(observation), policy_state

    def __call__(
        self, observation: Observation, policy_state: Nest, seed: Seed
    ) -> tuple[Nest, Nest]:
        """A slate int32 [B, K] or a turn, and the next policy state."""
        distribution, policy_state = self.decide(observation, policy_state)
        return random.sample(distribution, seed), policy_state

    def likeliest(
        self, observation: Observation, policy_state: Nest, seed: Seed
    ) -> tuple[Nest, Nest]:
        """A rollout policy that gives the likeliest slates or turns."""
        distribution, policy_state = self.decide(observation, policy_state)
        return distribution.mode(), policy_state

    def log_prob(self, observation: Observation, action: Nest) -> tf.Tensor:
        """[B]: the log-probability of a slate int32 [B, K], or of a turn."""
        return self.distribution(observation).log_prob(action)

    def explain(self, observation: Observation, policy_state: Nest, seed: Seed) -> Explanation:
        """The probability of each candidate to be shown first, and its logit."""
        actions, _ = self.decide(observation, policy_state)
        distribution = tf.nest.flatten(parts_of(actions))[0]
        logits = distribution.logits
        if distribution.mask is not None:
            logits = tf.where(distribution.mask, logits, tf.constant(-float("inf"), logits.dtype))
        return Explanation(candidates={"P(first)": tf.nn.softmax(logits), "logit": logits})


class RememberingPolicy(PlackettLucePolicy):
    """A policy with a state, such as the memory of a network, which begins with zeros.

    Args:
      decide: gives (distribution [B], next policy state) for (observation, policy_state).
      state_spec: of the policy state of one user.
    """

    def __init__(
        self, decide: Callable[[Observation, Nest], tuple[Actions, Nest]], state_spec: Nest
    ):
        super().__init__(self._without_a_state)
        self.decide = decide  # type: ignore[assignment, method-assign]
        self._state_spec = state_spec

    def initial_state(self, num_users: int | tf.Tensor):
        return fields.zeros(self._state_spec, num_users)

    def _without_a_state(self, observation: Observation):
        raise ValueError(
            "the distribution of a policy depends on what it remembers: take decide, with the"
            " policy state"
        )
