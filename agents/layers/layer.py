# SPDX-License-Identifier: Apache-2.0
"""Layers between an environment and an agent, as pure functions of a memory for each user; and
their use under an agent that learns, and around a policy that acts.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tf_agents.policies import tf_policy
from tf_agents.trajectories import time_step as ts

from recsim_tf.adapters.tf_agents import TFSlatePolicy, action_spec, rollout_policy
from recsim_tf.core import nests, random
from recsim_tf.core.base.bounds import BoundedTensorSpec
from recsim_tf.core.base.types import Nest, Observation, Policy, Seed, Turn, initial_policy_state
from recsim_tf.core.models.explanations import Explanation, explanation_of
from recsim_tf.core.step import turns
from recsim_tf.core.step.session_source import SessionSource
from recsim_tf.core.step.turns import ActionFormat
from recsim_tf.policies import fields


class Layer:
    """A change of an agent's observations, actions or rewards. A subclass overrides the methods for
    its change.

    A layer keeps a memory of each user's session, all zeros at its start. At each step, with
    observation o of the environment below,

        memory = update(memory, o)
        action = agent(augment(memory, o))
        cost(memory, o, action), then memory, action = act(memory, o, action)

    and the action goes to the environment below. An action is a slate int32 [B, K], or a `Turn` if
    there is a `query_spec`. `LayeredSimulator` runs these steps for an agent that learns: replay
    then has the agent's observations. `LayeredPolicy` runs them for a policy that acts on the
    environment itself.
    """

    # Steps of the environment below for each decision of the agent.
    steps_per_decision: int = 1
    # Discount of the rewards within a decision; see `TemporalAggregation`.
    gamma: float = 1.0

    def check(self, simulator: SessionSource) -> None:
        """Raises `ValueError` if the layer does not fit the environment below."""

    def action_format(self, below: ActionFormat) -> ActionFormat:
        """The format of the agent's actions, by default that of the environment below.

        A layer with another format converts actions to the format below in `act`. The agent chooses
        among the documents that it observes, so `augment` then replaces them.
        """
        return below

    def memory_spec(self, observation_spec: Observation, actions: ActionFormat) -> Nest:
        """Specs of the memory of a user; () if the layer has no memory. The arguments are the specs
        of a user's observation in the environment below, and the format of the agent's actions.
        """
        return ()

    def observation_spec(self, observation_spec: Observation, actions: ActionFormat) -> Observation:
        """Specs of the agent's observation of a user. The arguments are those of `memory_spec`."""
        return observation_spec

    def update(self, memory: Nest, observation: Observation) -> Nest:
        """The memory [B, ...] after an observation of the environment below, before an action."""
        return memory

    def augment(self, memory: Nest, observation: Observation) -> Observation:
        """The agent's observation."""
        return observation

    def observe(self, memory: Nest, below: SessionSource, state: Nest) -> Observation:
        """The agent's observation of a state of the environment below."""
        return self.augment(memory, below.observe(state))

    def act(self, memory: Nest, observation: Observation, action: Nest) -> tuple[Nest, Nest]:
        """The memory after an action of the agent, and the action that replaces it below."""
        return memory, action

    def cost(self, memory: Nest, observation: Observation, action: Nest) -> tf.Tensor | None:
        """The cost of an action to the agent, float32 [B], or None for no cost."""
        return None


def or_zeros(spec: tf.TensorSpec, shape: Sequence[int]) -> BoundedTensorSpec:
    """A spec of another shape, whose range includes zero, which stands for missing values."""
    low, high = (np.asarray(limit) for limit in turns.limits(spec))
    return BoundedTensorSpec(shape, spec.dtype, low.min(initial=0), high.max(initial=0), spec.name)


class LayeredState(NamedTuple):
    """State of a `LayeredSimulator`."""

    below: Nest  # state of the simulator below
    memory: Nest  # memory of the layer, nest of [B, ...]

    @property
    def done(self) -> tf.Tensor:
        """True where the session has ended, bool [B]."""
        return self.below.done


class Decision(NamedTuple):
    """The result of an agent's action, over one or more steps of the environment below."""

    reward: tf.Tensor  # float32 [B], discounted within the decision, less the cost
    discount: tf.Tensor  # float32 [B], 0 if the user left
    terminated: tf.Tensor  # bool [B]
    truncated: tf.Tensor  # bool [B]


class LayeredSimulator(SessionSource):
    """The sessions of an agent above a layer.

    `SlateEnvironment` takes it in place of a simulator, and layers can be stacked.

    Args:
      simulator: a `Simulator`, or a `LayeredSimulator`.
      layer: the layer.

    Raises:
      ValueError: if the layer does not fit the simulator.
    """

    def __init__(self, simulator: SessionSource, layer: Layer):
        layer.check(simulator)
        self.below = simulator
        self.layer = layer
        actions = layer.action_format(simulator.action_format)
        self.slate_size, self.num_candidates, self.query_spec = actions
        self._has_actions_below = actions == simulator.action_format
        self.allow_duplicates = simulator.allow_duplicates
        self.resample_documents = simulator.resample_documents
        self.validate = simulator.validate
        self.num_users = simulator.num_users
        self.steps_per_decision = layer.steps_per_decision * simulator.steps_per_decision
        self.spec_below = simulator.observation_spec()
        self.memory_spec = layer.memory_spec(self.spec_below, actions)

    def observation_spec(self) -> Observation:
        return self.layer.observation_spec(self.spec_below, self.action_format)

    def turn_conditions(self, turn: Turn) -> list[tuple[tf.Tensor, str]]:
        """The conditions of the environment below; none if the layer makes the turns below."""
        return self.below.turn_conditions(turn) if self._has_actions_below else []

    def reset(self, num_users: int, seed: Seed) -> LayeredState:
        below = self.below.reset(num_users, seed)
        return LayeredState(below, self._first_memory(below, num_users))

    def replace(self, state: LayeredState, who: tf.Tensor, seed: Seed) -> LayeredState:
        below = self.below.replace(state.below, who, seed)
        memory = self._first_memory(below, nests.batch_size(who))
        return LayeredState(below, nests.where(who, memory, state.memory))

    def _first_memory(self, below: Nest, num_users: int) -> Nest:
        blank = fields.zeros(self.memory_spec, num_users)
        return self.layer.update(blank, self.below.observe(below))

    def observe(self, state: LayeredState) -> Observation:
        return self.layer.observe(state.memory, self.below, state.below)

    def step(self, state: LayeredState, action: Nest, seed: Seed) -> tuple[LayeredState, Decision]:
        """Takes a slate int32 [B, K], or a turn. Users whose session has ended do not change."""
        num_users = nests.batch_size(state.done)
        cost = self.layer.cost(state.memory, self.below.observe(state.below), action)
        reward = tf.zeros([num_users])
        if cost is not None:
            reward -= tf.where(state.done, 0.0, cost)
        nothing = tf.zeros([num_users], tf.bool)
        decision = Decision(reward, tf.ones([num_users]), nothing, nothing)
        if self.layer.steps_per_decision == 1:
            return self._step_below(0, state, decision, action, seed)

        def body(step: tf.Tensor, state: Nest, decision: Decision, seed: Seed):
            seed, step_seed = random.split_seed(seed, 2)
            state, decision = self._step_below(step, state, decision, action, step_seed)
            return step + 1, state, decision, seed

        _, state, decision, _ = tf.while_loop(
            lambda *_: tf.constant(True),
            body,
            (0, state, decision, random.as_seed(seed)),
            parallel_iterations=1,
            maximum_iterations=self.layer.steps_per_decision,
        )
        return state, decision

    def _step_below(
        self, step: tf.Tensor, state: LayeredState, decision: Decision, action: Nest, seed: Seed
    ) -> tuple[LayeredState, Decision]:
        active = ~state.done
        memory, taken = self.layer.act(state.memory, self.below.observe(state.below), action)
        below, transition = self.below.step(state.below, taken, seed)
        memory = nests.where(
            active, self.layer.update(memory, self.below.observe(below)), state.memory
        )
        # The users' discounts of the steps before, times gamma for each of these steps. The agent
        # multiplies by gamma once more, for the last step.
        weight = tf.where(tf.equal(step, 0), 1.0, self.layer.gamma * decision.discount)
        discount = weight * transition.discount
        return LayeredState(below, memory), Decision(
            reward=decision.reward + weight * tf.cast(transition.reward, tf.float32),
            discount=tf.where(active, discount, decision.discount),
            terminated=decision.terminated | transition.terminated,
            truncated=decision.truncated | transition.truncated,
        )


class LayeredPolicy:
    """A rollout policy for the environment below a layer, made from a policy for the environment
    above it.

    Its state is the pair of the layer's memory and the state of the policy above; where the layer
    has no memory, the state of the policy above.

    Args:
      simulator: the layer on its simulator.
      policy: a rollout policy, such as `rollout_policy(agent.policy)`.
    """

    def __init__(self, simulator: LayeredSimulator, policy: Policy):
        self._layer = simulator.layer
        self._memory_spec = simulator.memory_spec
        self._has_memory = bool(tf.nest.flatten(simulator.memory_spec))
        self._policy = policy

    def initial_state(self, num_users: int) -> Nest:
        above = initial_policy_state(self._policy, num_users)
        return (fields.zeros(self._memory_spec, num_users), above) if self._has_memory else above

    def _parts(self, policy_state: Nest) -> tuple[Nest, Nest]:
        """The layer's memory, and the state of the policy above."""
        return policy_state if self._has_memory else (self._memory_spec, policy_state)

    def __call__(
        self, observation: Observation, policy_state: Nest, seed: Seed
    ) -> tuple[Nest, Nest]:
        """The actions in the environment below, and the next policy state."""
        memory, above = self._parts(policy_state)
        memory = self._layer.update(memory, observation)
        action, above = self._policy(self._layer.augment(memory, observation), above, seed)
        memory, action = self._layer.act(memory, observation, action)
        return action, (memory, above) if self._has_memory else above

    def explain(self, observation: Observation, policy_state: Nest, seed: Seed) -> Explanation:
        """The explanation of the policy above."""
        memory, above = self._parts(policy_state)
        memory = self._layer.update(memory, observation)
        return explanation_of(self._policy, self._layer.augment(memory, observation), above, seed)


def serve(
    simulator: SessionSource, policy: tf_policy.TFPolicy, seed: Seed = 0
) -> tf_policy.TFPolicy:
    """The policy for the environment below all layers, made from the policy of an agent above them.

    Args:
      simulator: the simulator on which the agent learned. Without layers the policy stays as it is.
      policy: the policy of the agent.
      seed: the seed of the result, an integer or int32 [2].
    """
    if not isinstance(simulator, LayeredSimulator):
        return policy
    below = rollout_policy(policy)
    while isinstance(simulator, LayeredSimulator):
        below = LayeredPolicy(simulator, below)
        simulator = simulator.below
    time_step_spec = ts.time_step_spec(simulator.observation_spec())
    return TFSlatePolicy(time_step_spec, action_spec(simulator), below, policy.variables(), seed)
