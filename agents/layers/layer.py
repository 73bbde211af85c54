"""The layer between an environment and an agent, pure functions of a memory for each user; layers
under an agent that learns, and around a policy that acts.
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
    """Changes what an agent sees, shows or is rewarded for. A subclass overrides what it changes.

    A layer keeps a memory of each user's session, all zeros at its start. At each step, with
    observation o of the environment below,

        memory = update(memory, o)
        action = agent(augment(memory, o))
        cost(memory, o, action), then memory, action = act(memory, o, action)

    and the action goes to the environment below. An action is a slate int32 [B, K], or a `Turn`
    where there is a `query_spec`. `LayeredSimulator` runs this where an agent learns: replay then
    holds what the agent saw. `LayeredPolicy` runs it where a policy acts on the environment itself.
    """

    # Steps of the environment below for each decision of the agent.
    steps_per_decision: int = 1
    # Discount of the rewards within a decision; see `TemporalAggregation`.
    gamma: float = 1.0

    def check(self, simulator: SessionSource) -> None:
        """Raises `ValueError` if the layer does not suit the environment below."""

    def action_format(self, below: ActionFormat) -> ActionFormat:
        """What the agent chooses, from what the environment below takes; by default the same.

        A layer that gives another format makes an action of the format below in `act`. The agent
        chooses among the documents that it sees, so `augment` then shows it other ones.
        """
        return below

    def memory_spec(self, observation_spec: Observation, actions: ActionFormat) -> Nest:
        """Specs of the memory of one user; () where the layer remembers nothing. Arguments are the
        specs of the environment below, for one user, and the actions of the agent.
        """
        return ()

    def observation_spec(self, observation_spec: Observation, actions: ActionFormat) -> Observation:
        """Specs of what the agent sees of one user; arguments as of `memory_spec`."""
        return observation_spec

    def update(self, memory: Nest, observation: Observation) -> Nest:
        """The memory [B, ...] with what the environment below shows, before the agent chooses."""
        return memory

    def augment(self, memory: Nest, observation: Observation) -> Observation:
        """What the agent sees."""
        return observation

    def act(self, memory: Nest, observation: Observation, action: Nest) -> tuple[Nest, Nest]:
        """The memory after the agent chose an action, and the action that is taken instead."""
        return memory, action

    def cost(self, memory: Nest, observation: Observation, action: Nest) -> tf.Tensor | None:
        """The cost of this action to the agent, float32 [B], or None for nothing."""
        return None


def or_zeros(spec: tf.TensorSpec, shape: Sequence[int]) -> BoundedTensorSpec:
    """A spec of that shape whose range holds zero too, which stands for what is not there."""
    low, high = (np.asarray(limit) for limit in turns.limits(spec))
    return BoundedTensorSpec(shape, spec.dtype, low.min(initial=0), high.max(initial=0), spec.name)


class LayeredState(NamedTuple):
    """State of a `LayeredSimulator`."""

    below: Nest  # state of the simulator below
    memory: Nest  # nest of [B, ...], of the layer

    @property
    def done(self) -> tf.Tensor:
        """Bool [B]: the session has ended."""
        return self.below.done


class Decision(NamedTuple):
    """The result of an agent's action, over one or more steps of the environment below."""

    reward: tf.Tensor  # float32 [B], discounted within the decision, less the cost
    discount: tf.Tensor  # float32 [B], 0 where the user left
    terminated: tf.Tensor  # bool [B]
    truncated: tf.Tensor  # bool [B]


class LayeredSimulator(SessionSource):
    """Sessions as an agent above a layer meets them.

    `SlateEnvironment` takes it in place of a simulator, and layers stack.

    Args:
      simulator: a `Simulator`, or a `LayeredSimulator`.
      layer: one that suits it, else a `ValueError` is raised.
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
        """Those of the environment below; none where the layer makes its turns."""
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
        return self.layer.augment(state.memory, self.below.observe(state.below))

    def step(self, state: LayeredState, action: Nest, seed: Seed) -> tuple[LayeredState, Decision]:
        """Takes a slate int32 [B, K], or a turn; users whose session has ended stay as they are."""
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
        weight = tf.pow(tf.constant(self.layer.gamma), tf.cast(step, tf.float32))
        # The agent multiplies by gamma once more, for one step.
        discount = weight * transition.discount
        return LayeredState(below, memory), Decision(
            reward=decision.reward + weight * tf.cast(transition.reward, tf.float32),
            discount=tf.where(active, discount, decision.discount),
            terminated=decision.terminated | transition.terminated,
            truncated=decision.truncated | transition.truncated,
        )


class LayeredPolicy:
    """A rollout policy for the environment below a layer, from one for the environment above it.

    Its state is the pair of the layer's memory and the policy state above.

    Args:
      simulator: the layer on its simulator.
      policy: a rollout policy, such as `rollout_policy(agent.policy)`.
    """

    def __init__(self, simulator: LayeredSimulator, policy: Policy):
        self._layer = simulator.layer
        self._memory_spec = simulator.memory_spec
        self._policy = policy

    def initial_state(self, num_users: int) -> Nest:
        memory = fields.zeros(self._memory_spec, num_users)
        return memory, initial_policy_state(self._policy, num_users)

    def __call__(
        self, observation: Observation, policy_state: Nest, seed: Seed
    ) -> tuple[Nest, Nest]:
        """The actions that are taken, and the next policy state."""
        memory, above = policy_state
        memory = self._layer.update(memory, observation)
        action, above = self._policy(self._layer.augment(memory, observation), above, seed)
        memory, action = self._layer.act(memory, observation, action)
        return action, (memory, above)

    def explain(self, observation: Observation, policy_state: Nest, seed: Seed) -> Explanation:
        """The explanation of the policy above."""
        memory, above = policy_state
        memory = self._layer.update(memory, observation)
        return explanation_of(self._policy, self._layer.augment(memory, observation), above, seed)


def serve(
    simulator: SessionSource, policy: tf_policy.TFPolicy, seed: Seed = 0
) -> tf_policy.TFPolicy:
    """The policy for the environment at the bottom, from that of an agent above all layers.

    Args:
      simulator: what the agent learned on. Without layers the policy is returned as it is.
      policy: of the agent.
      seed: of the result, an integer or int32 [2].
    """
    if not isinstance(simulator, LayeredSimulator):
        return policy
    below = rollout_policy(policy)
    while isinstance(simulator, LayeredSimulator):
        below = LayeredPolicy(simulator, below)
        simulator = simulator.below
    time_step_spec = ts.time_step_spec(simulator.observation_spec())
    return TFSlatePolicy(time_step_spec, action_spec(simulator), below, policy.variables(), seed)
