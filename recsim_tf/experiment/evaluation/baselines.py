"""Policies that do not learn, beside an agent or alone: recsim_tf's by name, and a user's own."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import tensorflow as tf
from gin.config import ConfigurableReference
from tf_agents.policies import tf_policy

from recsim_tf.core import nests, random, turns
from recsim_tf.core.acting import act
from recsim_tf.core.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Nest, Observation, Policy, initial_policy_state
from recsim_tf.errors import one_line, place
from recsim_tf.experiment.binding_types import bound_value
from recsim_tf.experiment.evaluation.evaluation import AnyPolicy
from recsim_tf.experiment.runs.errors import UsageError
from recsim_tf.policies import BASELINE_NAMES, Explanation, baseline_policy, explanation_of

# A name of `recsim_tf.policies.BASELINES`, or what makes a policy.
Baseline: TypeAlias = str | Callable[[Simulator], AnyPolicy]


def named_baselines(binding: str, baselines: Sequence[Baseline]) -> dict[str, Baseline]:
    """Baselines by the names that tables show: those of `recsim_tf.policies.BASELINE_NAMES`, and
    the configurables' own with their scopes, such as "hot/softmax_policy".

    Args:
      binding: the parameter that received them, such as "experiment.baselines".
      baselines: what it received.

    Raises:
      UsageError: if two have one name.
    """
    bound = bound_value(binding) or ()
    named: dict[str, Baseline] = {}
    for index, baseline in enumerate(baselines):
        if isinstance(baseline, str):
            name = BASELINE_NAMES.get(baseline, baseline)
        elif len(bound) == len(baselines) and isinstance(bound[index], ConfigurableReference):
            name = "/".join([*bound[index].scopes, bound[index].configurable.name])
        else:
            name = baseline.__name__
        if name in named:
            raise UsageError(f"{binding} must hold policies of different names, got {name} twice")
        named[name] = baseline
    return named


def baseline_policies(
    baselines: Mapping[str, Baseline], simulator: Simulator
) -> dict[str, AnyPolicy]:
    """Policies for a simulator.

    Args:
      baselines: by the names that tables show: names of `recsim_tf.policies.BASELINES`, and
        functions or classes that make a policy from the simulator.
      simulator: the environment.

    Raises:
      ValueError: for an unknown baseline, one that is not for this environment, or a function that
        does not make a policy.
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
        if place(error) is not None:
            raise
        raise UsageError(f"{expected}: {one_line(error)}") from error
    if isinstance(policy, tf_policy.TFPolicy):
        return policy
    if not callable(policy):
        raise UsageError(f"{expected}, got {policy!r} in place of the policy")
    checked = _CheckedPolicy(name, policy, simulator)
    _act_once(name, checked, simulator)
    return checked


def _act_once(name: str, policy: Policy, simulator: Simulator) -> None:
    """Finds the faults of a policy before anything long starts.

    Raises:
      UsageError: if it gives what is no action of the simulator.
    """
    num_users = simulator.num_users or 2

    @compiled
    def first_action():
        observation = simulator.observe(simulator.reset(num_users, seed=0))
        policy_state = initial_policy_state(policy, num_users)
        return policy(observation, policy_state, random.as_seed(0))[0]

    try:
        first_action()
    except tf.errors.InvalidArgumentError as error:
        if place(error) is not None:
            raise
        raise UsageError(f"policy {name}: {one_line(error)}") from error


class _CheckedPolicy:
    """A policy of a user's own whose actions are checked, also where the simulator does not. XLA
    drops the check of their values.

    Args:
      name: in tables.
      policy: with or without a state.
      simulator: the environment.
    """

    def __init__(self, name: str, policy: Policy, simulator: Simulator):
        self._name = name
        self._policy = policy
        self._simulator = simulator

    def initial_state(self, num_users: int) -> Nest:
        return initial_policy_state(self._policy, num_users)

    def __call__(self, observation: Observation, policy_state: Nest, seed) -> tuple[Nest, Nest]:
        name, simulator = f"policy {self._name}", self._simulator
        action, next_state = act(self._policy, observation, policy_state, seed, name)
        num_users = nests.batch_size(observation)
        try:
            turn = turns.as_turn(action, simulator.query_spec, num_users, simulator.slate_size)
        except ValueError as error:
            raise UsageError(f"{name}: {error}") from error
        return turns.check_values(simulator, turn, simulator.allow_duplicates).action, next_state

    def explain(self, observation: Observation, policy_state: Nest, seed) -> Explanation:
        return explanation_of(self._policy, observation, policy_state, seed)
