# SPDX-License-Identifier: Apache-2.0
"""The policy whose return is differentiated, which draws Plackett-Luce slates or turns."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.arguments import Count, require
from recsim_tf.core.base.traces import joint_key
from recsim_tf.core.base.types import Nest, Observation, Seed
from recsim_tf.core.distributions import IndependentParts, PlackettLuce, parts_of
from recsim_tf.core.models.explanations import Explanation
from recsim_tf.policies import fields

Actions: TypeAlias = PlackettLuce | IndependentParts


class PlackettLucePolicy:
    """A rollout policy that draws slates or turns and gives their log-probabilities. It has a state
    only if its network has a memory.

        policy = PlackettLucePolicy.of_network(SlatePolicyNetwork(observation_spec, slate_size))

    Args:
      distribution: a function from an observation to the `PlackettLuce` [B] of its slates, or to
        the `IndependentParts` [B] of a `Turn`. It holds the parameters.
      parts: all models and `Traceable` functions that a trace of the distribution depends on, so
        that the trace can be kept; None where that is unknown.
    """

    def __init__(
        self, distribution: Callable[[Observation], Actions], parts: Sequence[Any] | None = None
    ):
        self.distribution = distribution
        self._parts = parts

    @classmethod
    def of_logits(
        cls,
        item_logits: Callable[[Observation], tf.Tensor],
        slate_size: int,
        parts: Sequence[Any] | None = None,
    ) -> "PlackettLucePolicy":
        """The policy of a function of observations to logits [B, N]. See the class for `parts`.
        Raises a ValueError for a size below 1, and in a call for a layer of Keras that does not
        take observations, or for other results than logits [B, N].
        """
        require("slate_size", slate_size, Count)
        must = "item_logits must take an Observation of B users and give logits [B, N]"

        def distribution(observation: Observation) -> PlackettLuce:
            try:
                logits = tf.convert_to_tensor(item_logits(observation))
            except (TypeError, ValueError) as error:
                if not isinstance(item_logits, tf.keras.layers.Layer):
                    raise
                raise ValueError(
                    f"{must}, the layer {item_logits.name} of Keras does not"
                ) from error
            if logits.shape.rank not in (2, None):
                raise ValueError(f"{must}, got {logits.dtype.name} {logits.shape}")
            return PlackettLuce(logits, slate_size)

        return cls(distribution, parts)

    @classmethod
    def of_network(cls, network: Any) -> "PlackettLucePolicy":
        """The policy of a network that gives (distribution [B], state), such as
        `SlatePolicyNetwork` or `TurnPolicyNetwork`. REINFORCE trains this policy. With a
        `state_spec`, the state of the network is the policy state. Raises a ValueError for a
        function that is no network.
        """
        if not hasattr(network, "state_spec"):
            raise ValueError(
                f"network must be a network of TF-Agents, got {type(network).__name__}: of_logits"
                " takes a function that gives logits"
            )
        if tf.nest.flatten(network.state_spec):

            def decide(observation: Observation, policy_state: Nest):
                return network(observation, network_state=policy_state)

            return RememberingPolicy(decide, network.state_spec, [network])
        return cls(lambda observation: network(observation)[0], [network])

    def trace_key(self) -> tuple | None:
        """The key of the parts of the distribution, None where they are unknown."""
        return None if self._parts is None else joint_key(*self._parts)

    def initial_state(self, num_users: int) -> Nest:
        """The policy state at the start of a session, a nest of [num_users, ...], or ()."""
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
        """The likeliest slates or turns, and the next policy state. It is a rollout policy too."""
        distribution, policy_state = self.decide(observation, policy_state)
        return distribution.mode(), policy_state

    def log_prob(self, observation: Observation, action: Nest) -> tf.Tensor:
        """The log-probability of a slate int32 [B, K] or of a turn, [B]."""
        return self.distribution(observation).log_prob(action)

    def explain(self, observation: Observation, policy_state: Nest, seed: Seed) -> Explanation:
        """The probability that each candidate is shown first, and its logit."""
        actions, _ = self.decide(observation, policy_state)
        distribution = tf.nest.flatten(parts_of(actions))[0]
        logits = distribution.logits
        if distribution.mask is not None:
            logits = tf.where(distribution.mask, logits, tf.constant(-float("inf"), logits.dtype))
        return Explanation(candidates={"P(first)": tf.nn.softmax(logits), "logit": logits})


class RememberingPolicy(PlackettLucePolicy):
    """A policy with a state, such as the memory of a network, which begins with zeros.

    Args:
      decide: a function (observation, policy_state) -> (distribution [B], next policy state).
      state_spec: the specs of the policy state of one user.
      parts: see `PlackettLucePolicy`.
    """

    def __init__(
        self,
        decide: Callable[[Observation, Nest], tuple[Actions, Nest]],
        state_spec: Nest,
        parts: Sequence[Any] | None = None,
    ):
        super().__init__(self._without_a_state, parts)
        self.decide = decide  # type: ignore[assignment, method-assign]
        self._state_spec = state_spec

    def initial_state(self, num_users: int | tf.Tensor):
        return fields.zeros(self._state_spec, num_users)

    def _without_a_state(self, observation: Observation):
        raise ValueError(
            "the distribution of this policy depends on its policy state: take decide, with the"
            " policy state"
        )
