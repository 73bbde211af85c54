# SPDX-License-Identifier: Apache-2.0
"""Policies that give the probabilities of their actions."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests, random
from recsim_tf.core.base.arguments import Count, checked
from recsim_tf.core.base.traces import joint_key
from recsim_tf.core.base.types import Nest, Observation, Policy, Seed, initial_policy_state
from recsim_tf.core.distributions import CertainSlates, SlateMixture, UniformSlates
from recsim_tf.core.models.explanations import Explanation, explanation_of


@runtime_checkable
class StochasticPolicy(Policy, Protocol):
    """A policy that gives the distribution of its actions beside a draw."""

    def decide(self, observation: Observation, policy_state: Nest) -> tuple[tfd.Distribution, Nest]:
        """The distribution [B] of the actions (`SlateDistribution`), and the next policy state."""


class Deterministic:
    """A policy that always shows the same slate for an observation, as a `StochasticPolicy`.

    Args:
      policy: a policy of slates that does not use its seed, such as `myopic_policy(simulator)`.
    """

    def __init__(self, policy: Policy):
        self._policy = policy

    @property
    def learned_from(self) -> Any:
        """The fingerprint of the sessions that the policy was learned from, or ()."""
        return getattr(self._policy, "learned_from", ())

    def trace_key(self) -> tuple | None:
        """The key of the policy."""
        return joint_key(self._policy)

    def initial_state(self, num_users: int) -> Nest:
        """The policy state at the start of a session, a nest of [num_users, ...]."""
        return initial_policy_state(self._policy, num_users)

    def holds(self, observation: Observation) -> bool:
        """True if the policy shows B new users the same slates with two different seeds."""
        state = self.initial_state(nests.num_rows(observation.documents))
        first, second = (
            self._policy(observation, state, random.as_seed(seed))[0] for seed in (0, 1)
        )
        # Turns have no such distribution.
        return tf.is_tensor(first) and bool(tf.reduce_all(first == second))

    def decide(self, observation: Observation, policy_state: Nest) -> tuple[CertainSlates, Nest]:
        """The distribution [B] of the slates, and the next policy state."""
        slate, policy_state = self._policy(observation, policy_state, random.as_seed(0))
        num_candidates = tf.nest.flatten(observation.documents)[0].shape[1]
        return CertainSlates(slate, num_candidates), policy_state

    def __call__(
        self, observation: Observation, policy_state: Nest, seed: Seed
    ) -> tuple[tf.Tensor, Nest]:
        """Slates int32 [B, K], and the next policy state."""
        return self._policy(observation, policy_state, seed)

    def explain(self, observation: Observation, policy_state: Nest, seed: Seed) -> Explanation:
        """The explanation of the policy."""
        return explanation_of(self._policy, observation, policy_state, seed)


class EpsilonGreedy:
    """A policy that shows a user the slate of a greedy policy, or with probability epsilon a
    uniform slate. It is a `StochasticPolicy`.

    Args:
      greedy: a `StochasticPolicy` of slates without repetition, or one that ignores its seed.
      num_candidates: N.
      epsilon: a function that gives the probability, a scalar.

    Raises:
      ValueError: for an epsilon that is no function.
    """

    @checked
    def __init__(self, greedy: Policy, num_candidates: Count, epsilon: Callable[[], tf.Tensor]):
        self._greedy = greedy
        self._num_candidates = num_candidates
        self._epsilon = epsilon

    @property
    def learned_from(self) -> Any:
        """The fingerprint of the sessions that the greedy policy was learned from, or ()."""
        return getattr(self._greedy, "learned_from", ())

    def initial_state(self, num_users: int) -> Nest:
        """The policy state at the start of a session, a nest of [num_users, ...]."""
        return initial_policy_state(self._greedy, num_users)

    def decide(self, observation: Observation, policy_state: Nest) -> tuple[SlateMixture, Nest]:
        """The distribution [B] of the slates at the present epsilon, and the next policy state."""
        greedy = self._greedy
        stochastic = greedy if isinstance(greedy, StochasticPolicy) else Deterministic(greedy)
        slates, policy_state = stochastic.decide(observation, policy_state)
        num_users, slate_size = nests.num_rows(observation.documents), slates.event_shape[0]
        uniform = UniformSlates(self._num_candidates, slate_size, [num_users])
        epsilon = tf.cast(self._epsilon(), tf.float32)
        return SlateMixture(tf.stack([1 - epsilon, epsilon]), [slates, uniform]), policy_state

    def __call__(
        self, observation: Observation, policy_state: Nest, seed: Seed
    ) -> tuple[tf.Tensor, Nest]:
        """Slates int32 [B, K], and the next policy state."""
        greedy_seed, who_seed, slate_seed = random.split_seed(seed, 3)
        slate, policy_state = self._greedy(observation, policy_state, greedy_seed)
        num_users, slate_size = tf.shape(slate)[:1], slate.shape[1]
        explores = random.uniform(num_users, who_seed) < tf.cast(self._epsilon(), tf.float32)
        uniform = random.sample(
            UniformSlates(self._num_candidates, slate_size, num_users), slate_seed
        )
        return tf.where(explores[:, tf.newaxis], uniform, slate), policy_state

    def explain(self, observation: Observation, policy_state: Nest, seed: Seed) -> Explanation:
        """The explanation of the greedy policy, also where a random slate is shown."""
        greedy_seed, *_ = random.split_seed(seed, 3)
        return explanation_of(self._greedy, observation, policy_state, greedy_seed)
