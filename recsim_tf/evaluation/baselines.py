# SPDX-License-Identifier: Apache-2.0
"""Policies that do not learn: those of recsim_tf by name, and a user's, with checks of actions."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

from recsim_tf.core import nests, random
from recsim_tf.core.base import validation
from recsim_tf.core.base.types import Nest, Observation, Policy, initial_policy_state
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step import turns
from recsim_tf.core.step.acting import act
from recsim_tf.policies import BASELINES, Explanation, baseline_policy, explanation_of
from recsim_tf.support.errors import UsageError, fault_location, one_line

# A policy for rollouts, or a policy of a type that `rollout_policy` can convert.
AnyPolicy: TypeAlias = Any
# A name of `recsim_tf.policies.BASELINES`, or a function or class that makes a policy.
Baseline: TypeAlias = str | Callable[[Simulator], AnyPolicy]
# A sequence of baselines, or a mapping from the names that tables show.
Baselines: TypeAlias = Sequence[Baseline] | Mapping[str, Baseline]


@functools.singledispatch
def rollout_policy(policy: AnyPolicy) -> Policy:
    """The policy as a policy for `Simulator.rollout` and `Simulator.fold`. A rollout policy is
    returned as it is. `recsim_tf.adapters.tf_agents` registers the conversion of policies of
    TF-Agents.
    """
    return policy


def as_rollout(policy: AnyPolicy, num_users: int) -> tuple[Policy, Nest]:
    """A policy for `Simulator.rollout` and its initial state, a nest of [num_users, ...]."""
    policy = rollout_policy(policy)
    return policy, initial_policy_state(policy, num_users)


def named_baselines(argument: str, baselines: Baselines) -> dict[str, Baseline]:
    """Baselines by the names that tables show: the titles of `recsim_tf.policies.BASELINES`, or the
    names of functions.

    Args:
      argument: the argument that received the baselines, such as "experiment.baselines".
      baselines: names and functions, or a mapping.

    Raises:
      UsageError: for anything but names and functions, or if two baselines have the same name.
    """
    several = baselines.values() if isinstance(baselines, Mapping) else baselines
    if not isinstance(baselines, (tuple, list, Mapping)) or not all(
        isinstance(each, str) or callable(each) for each in several
    ):
        raise UsageError(f"{argument} must be a tuple of names and functions, got {baselines!r}")
    if isinstance(baselines, Mapping):
        return dict(baselines)
    titles = {name: baseline.title for name, baseline in BASELINES.items()}
    names = [
        titles.get(each, each) if isinstance(each, str) else getattr(each, "__name__", repr(each))
        for each in baselines
    ]
    validation.check_different(argument, names)
    return dict(zip(names, baselines, strict=True))


def baseline_policies(
    baselines: Mapping[str, Baseline], simulator: Simulator
) -> dict[str, AnyPolicy]:
    """The policies of baselines for a simulator, by the names of `named_baselines`. Raises a
    ValueError for an unknown baseline, a baseline that does not fit the environment, or a function
    that does not make a policy.
    """
    return {
        name: baseline_policy(baseline, simulator)
        if isinstance(baseline, str)
        else _made_policy(name, baseline, simulator)
        for name, baseline in baselines.items()
    }


def _made_policy(
    name: str, make: Callable[[Simulator], AnyPolicy], simulator: Simulator
) -> AnyPolicy:
    expected = f"policy {name} must be a function that takes the simulator and returns a policy"
    try:
        policy = make(simulator)
    except TypeError as error:
        if fault_location(error) is not None:
            raise
        raise UsageError(f"{expected}: {one_line(error)}") from error
    if rollout_policy(policy) is not policy:
        return policy
    if not callable(policy):
        raise UsageError(f"{expected}, got {policy!r} in place of the policy")
    checked = CheckedPolicy(name, policy, simulator)
    checked.act_once()
    return checked


class CheckedPolicy:
    """A policy of a user whose actions are checked, even if the simulator does not check them. XLA
    drops the check of their values.

    Args:
      name: name of the policy in tables.
      policy: a rollout policy with or without a state.
      simulator: the environment.

    Attributes:
      policy: the policy without the checks.
    """

    def __init__(self, name: str, policy: Policy, simulator: Simulator):
        self.policy = policy
        self._name = name
        self._simulator = simulator

    def around(self, policy: Policy) -> "CheckedPolicy":
        """The given policy with the checks of this one."""
        return CheckedPolicy(self._name, policy, self._simulator)

    def initial_state(self, num_users: int) -> Nest:
        return initial_policy_state(self.policy, num_users)

    def __call__(
        self, observation: Observation, policy_state: Nest, seed: tf.Tensor
    ) -> tuple[Nest, Nest]:
        name, simulator = f"policy {self._name}", self._simulator
        action, next_state = act(self.policy, observation, policy_state, seed, name)
        num_users = nests.batch_size(observation)
        try:
            turn = turns.as_turn(action, simulator.query_spec, num_users, simulator.slate_size)
        except ValueError as error:
            raise UsageError(f"{name}: {error}") from error
        return turns.check_values(simulator, turn, simulator.allow_duplicates).action, next_state

    def explain(self, observation: Observation, policy_state: Nest, seed: tf.Tensor) -> Explanation:
        return explanation_of(self.policy, observation, policy_state, seed)

    def act_once(self) -> None:
        """Calls the policy once, to find its faults before a long run starts. Raises a UsageError
        if the policy does not return an action of the simulator.
        """
        num_users = max(self._simulator.fewest_users, 2)

        @compiled
        def first_action():
            observation = self._simulator.observe(self._simulator.reset(num_users, seed=0))
            return self(observation, self.initial_state(num_users), random.as_seed(0))[0]

        try:
            first_action()
        except tf.errors.InvalidArgumentError as error:
            if fault_location(error) is not None:
                raise
            raise UsageError(f"policy {self._name}: {one_line(error)}") from error


def unchecked(policy: AnyPolicy) -> AnyPolicy:
    """The policy inside a `CheckedPolicy`; any other policy is returned as it is."""
    return policy.policy if isinstance(policy, CheckedPolicy) else policy
