# SPDX-License-Identifier: Apache-2.0
"""Explanations of the choices of a policy, for people who read sessions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import tensorflow as tf

from recsim_tf.core.base.traces import joint_key
from recsim_tf.core.base.types import Nest, Observation, Policy, Seed

_NOTHING: Mapping[str, tf.Tensor] = {}


class Explanation(NamedTuple):
    """The numbers that a policy computed for its alternatives, for B users and N candidates.

    Names are shown as they are. Pages draw the first number of the candidates and the first number
    of the other alternatives. NaN stands where a number means nothing.
    """

    candidates: Mapping[str, tf.Tensor] = _NOTHING  # float [B, N] by name, of each candidate
    # float [B, M] by name, of other alternatives, such as clusters, slates or questions
    alternatives: Mapping[str, tf.Tensor] = _NOTHING
    # M names of the alternatives; or [B, M, ...], texts or numbers such as their slates
    labels: Sequence[str] | tf.Tensor = ()
    user: Mapping[str, tf.Tensor] = _NOTHING  # float [B] by name


@runtime_checkable
class Explains(Protocol):
    """A policy that explains its choices."""

    def explain(self, observation: Observation, policy_state: Nest, seed: tf.Tensor) -> Explanation:
        """The explanation of the choice that the policy makes with the same arguments.

        Args:
          observation: the observation of B users.
          policy_state: nest of [B, ...].
          seed: int32 [2].
        """


class Explained:
    """A policy made of a function that chooses and a function that explains.

    Args:
      policy: the function that chooses.
      explain: (observation, policy_state, seed) -> `Explanation`.
      initial_state: num_users -> the policy state at the start of a session, () without a state.
      parts: all models and `Traceable` functions that a trace of the policy depends on, so that the
        trace can be kept; None where that is unknown.
    """

    def __init__(
        self,
        policy: Policy,
        explain: Callable,
        initial_state: Callable = lambda num_users: (),
        parts: Sequence[Any] | None = None,
    ):
        self._policy = policy
        self.explain = explain
        self.initial_state = initial_state
        self._parts = parts

    def trace_key(self) -> tuple | None:
        """The key of the parts of the policy, None where they are unknown."""
        return None if self._parts is None else joint_key(*self._parts)

    def __call__(
        self, observation: Observation, policy_state: Nest, seed: Seed
    ) -> tuple[tf.Tensor, Nest]:
        return self._policy(observation, policy_state, seed)


def explanation_of(
    policy: Policy, observation: Observation, policy_state: Nest, seed: Seed
) -> Explanation:
    """The explanation of a policy, which is empty if it `Explains` nothing."""
    if isinstance(policy, Explains):
        return policy.explain(observation, policy_state, seed)
    return Explanation()
