"""The simulator as a TF-Agents environment, and policies on both sides of that edge."""

from collections.abc import Sequence
from typing import NamedTuple

import gin
import tensorflow as tf
import tensorflow_probability as tfp
import tree
from tf_agents.environments import tf_environment
from tf_agents.policies import tf_policy
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import policy_step
from tf_agents.trajectories import time_step as ts

from recsim_tf import replicas
from recsim_tf.core import nests, random, validation
from recsim_tf.core.bounds import observation_bounds
from recsim_tf.core.seats import step_seats
from recsim_tf.core.simulator import Policy, Simulator
from recsim_tf.core.types import Nest, Observation, SimulatorState


class EnvironmentState(NamedTuple):
    """All that an environment needs to go on, as tensors or as variables."""

    simulator: SimulatorState
    step_type: tf.Tensor  # int32 [B]
    reward: tf.Tensor  # float32 [B]
    discount: tf.Tensor  # float32 [B]
    seed: tf.Tensor  # int32 [2]


class _Memory(tf.Module):
    """The variables of an environment."""

    def __init__(self, state: EnvironmentState):
        super().__init__(name="SlateEnvironment")
        self.state = tf.nest.map_structure(replicas.variable, state)


@gin.configurable
class SlateEnvironment(tf_environment.TFEnvironment):
    """A TF-Agents environment over B simulated users at once.

    Observations are `Observation(user, documents, response)` with the users as batch axis, actions
    are slates of candidate positions, int32 [B, K]; position -1 leaves a slot empty. A user who
    leaves gets a LAST step with their own observation; the next step ignores the action for that
    user and gives a new user's FIRST. Leaving has discount 0; the time limit has LAST with discount
    1.

    Args:
      simulator: the simulator, or what has its methods and attributes and an `observation_spec()`,
        as a `LayeredSimulator`.
      batch_size: B, the number of users.
      seed: an integer or int32 [2]; it governs every draw.
      validate: whether to check the values of slates. Dtype and shape are always checked. A bad
        slate is a `ValueError`, except for its values in graph mode, where it is a
        `tf.errors.InvalidArgumentError` when the graph runs; XLA drops that check.

    In the scope of a `tf.distribute` strategy each replica has B users of its own.
    """

    def __init__(self, simulator: Simulator, batch_size: int, seed=0, validate: bool = True):
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        self._simulator = simulator
        self._validate = validate
        with tf.init_scope():
            first_seed, seed = random.split_seed(random.as_seed(seed), 2)
            state = simulator.reset(batch_size, first_seed)
            observation = simulator.observe(state)
            self._memory = _Memory(_first(state, seed, batch_size))
        action_spec = tensor_spec.BoundedTensorSpec(
            [simulator.slate_size], tf.int32, 0, simulator.num_candidates - 1, "slate"
        )
        time_step_spec = ts.time_step_spec(observation_spec(simulator, observation))
        super().__init__(time_step_spec, action_spec, batch_size)
        replicas.on_each(self._begin_replica)

    @property
    def simulator(self) -> Simulator:
        return self._simulator

    @property
    def steps_per_action(self) -> int:
        """Steps of each user that an action takes, more than one under a layer that holds
        slates.
        """
        return getattr(self._simulator, "steps_per_decision", 1)

    @property
    def memory(self) -> tf.Module:
        """The variables that a checkpoint must hold."""
        return self._memory

    def time_step(self, state: EnvironmentState) -> ts.TimeStep:
        """What an agent sees of a state."""
        return ts.TimeStep(
            state.step_type, state.reward, state.discount, self._simulator.observe(state.simulator)
        )

    def advance(self, state: EnvironmentState, action: tf.Tensor) -> EnvironmentState:
        """A step as a pure function: takes slates int32 [B, K] and returns the next state."""
        slate = validation.check_slate_format(action, self.batch_size, self._simulator.slate_size)
        left = state.simulator.done
        # The action for a user who has left is ignored, so it need not be valid.
        slate = tf.where(left[:, tf.newaxis], tf.range(self._simulator.slate_size), slate)
        if self._validate:
            slate = validation.check_slate_values(
                slate, self._simulator.num_candidates, self._simulator.allow_duplicates
            )
        # Nothing of the next state may be known where the slate is refused.
        with tf.control_dependencies([slate]):
            seed = tf.identity(state.seed)
        simulator_state, transition, seed = step_seats(
            self._simulator, state.simulator, slate, seed
        )
        step_type = tf.where(
            left,
            ts.StepType.FIRST,
            tf.where(simulator_state.done, ts.StepType.LAST, ts.StepType.MID),
        )
        return EnvironmentState(
            simulator_state,
            step_type,
            tf.cast(transition.reward, tf.float32),
            transition.discount,
            seed,
        )

    def _begin_replica(self) -> None:
        replicas.fold_in_replica(self._memory.state.seed)
        self._reset()

    def _current_time_step(self):
        return self.time_step(_read(self._memory.state))

    def _reset(self):
        state = _read(self._memory.state)
        seed, reset_seed = random.split_seed(state.seed, 2)
        everybody = tf.ones([self.batch_size], tf.bool)
        return self._remember(
            _first(
                self._simulator.replace(state.simulator, everybody, reset_seed),
                seed,
                self.batch_size,
            )
        )

    def _step(self, action):
        return self._remember(self.advance(_read(self._memory.state), action))

    def _remember(self, state: EnvironmentState) -> ts.TimeStep:
        tf.nest.map_structure(
            lambda variable, value: variable.assign(value), self._memory.state, state
        )
        return self.time_step(state)


def _first(state: SimulatorState, seed: tf.Tensor, num_users: int) -> EnvironmentState:
    """Users at the start of their sessions."""
    return EnvironmentState(
        state,
        tf.fill([num_users], ts.StepType.FIRST),
        tf.zeros([num_users]),
        tf.ones([num_users]),
        seed,
    )


def _read(variables: Nest) -> Nest:
    return tf.nest.map_structure(tf.convert_to_tensor, variables)


def observation_spec(simulator: Simulator, observation: Observation) -> Observation:
    """Named, bounded specs of an observation, without the users' axis.

    Args:
      simulator: its models declare the bounds, or it has an `observation_spec()`.
      observation: of any number of users.
    """
    if hasattr(simulator, "observation_spec"):
        return simulator.observation_spec()

    def spec(path, leaf, leaf_bounds):
        low = leaf.dtype.min if leaf_bounds.low is None else leaf_bounds.low
        high = leaf.dtype.max if leaf_bounds.high is None else leaf_bounds.high
        return tensor_spec.BoundedTensorSpec(
            leaf.shape[1:], leaf.dtype, low, high, name="/".join(map(str, path))
        )

    return tree.map_structure_with_path_up_to(
        observation, spec, observation, observation_bounds(simulator, observation)
    )


class SlatePolicy(tf_policy.TFPolicy):
    """A rollout policy, a pure function, as a TF-Agents policy.

    Randomness comes from the `seed` of `action` if it is an int32 [2] tensor, else from a variable
    of the policy, which a checkpoint holds.

    Args:
      time_step_spec: of the environment.
      action_spec: of the environment.
      function: (observation, policy_state, seed) -> (slate int32 [B, K], policy_state).
      variables: those that `function` reads.
      policy_state_spec: spec of the policy state of one user.
      seed: an integer or int32 [2].
    """

    def __init__(
        self,
        time_step_spec: ts.TimeStep,
        action_spec,
        function: Policy,
        variables: Sequence[tf.Variable] = (),
        policy_state_spec=(),
        seed=0,
        name: str = "SlatePolicy",
    ):
        super().__init__(
            time_step_spec,
            action_spec,
            policy_state_spec,
            automatic_state_reset=True,
            clip=False,
            name=name,
        )
        self.function = function
        self._read_variables = list(variables)
        with tf.init_scope():
            self._seed = replicas.seed_variable(seed, name="seed")

    def _variables(self):
        return [*self._read_variables, self._seed]

    def _action(self, time_step, policy_state, seed):
        if seed is None:
            next_seed, seed = random.split_seed(self._seed, 2)
            self._seed.assign(next_seed)
        slate, policy_state = self.function(time_step.observation, policy_state, seed)
        return policy_step.PolicyStep(slate, policy_state, ())

    def _distribution(self, time_step, policy_state):
        """A point mass at the slate that `action` returns."""
        step = self._action(time_step, policy_state, seed=None)
        return step._replace(action=tfp.distributions.Deterministic(step.action))


def rollout_policy(policy: tf_policy.TFPolicy | Policy) -> Policy:
    """Makes any TF-Agents policy a policy for `Simulator.rollout` and `Simulator.fold`; one that
    already is passes through.

    A policy's state is reset by the simulator where it seats a new user, so every step is presented
    as MID.
    """
    if not hasattr(policy, "action"):
        return policy
    if isinstance(policy, SlatePolicy):
        return policy.function

    def function(observation, policy_state, seed):
        del seed
        num_users = nests.batch_size(observation)
        step_type = tf.fill([num_users], ts.StepType.MID)
        step = policy.action(
            ts.TimeStep(step_type, tf.zeros([num_users]), tf.ones([num_users]), observation),
            policy_state,
        )
        return tf.cast(step.action, tf.int32), step.state

    return function
