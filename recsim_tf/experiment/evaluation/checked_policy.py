"""Policies of a user's own, with checks of their actions."""

import tensorflow as tf

from recsim_tf.core import nests, random, turns
from recsim_tf.core.acting import act
from recsim_tf.core.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Nest, Observation, Policy, initial_policy_state
from recsim_tf.policies import Explanation, explanation_of
from recsim_tf.support.errors import UsageError, fault_location, one_line


class CheckedPolicy:
    """A policy of a user's own whose actions are checked, also where the simulator does not. XLA
    drops the check of their values.

    Args:
      name: in tables.
      policy: with or without a state.
      simulator: the environment.

    Attributes:
      policy: without the checks.
    """

    def __init__(self, name: str, policy: Policy, simulator: Simulator):
        self.policy = policy
        self._name = name
        self._simulator = simulator

    def around(self, policy: Policy) -> "CheckedPolicy":
        """Another policy with these checks."""
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
        """Finds the faults of the policy before anything long starts.

        Raises:
          UsageError: if it gives anything but an action of the simulator.
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
