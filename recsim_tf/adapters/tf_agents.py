# SPDX-License-Identifier: Apache-2.0
"""The simulator as a TF-Agents environment, and conversions of policies from and to TF-Agents."""

import recsim_tf._tf_agents  # noqa: F401  # It imports TF-Agents.
from recsim_tf.core.base.arguments import Count, checked, configurable

# isort: split
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import gin
import tensorflow as tf
import tensorflow_probability as tfp
from tf_agents.environments import tf_environment
from tf_agents.policies import tf_policy
from tf_agents.trajectories import policy_step
from tf_agents.trajectories import time_step as ts

from recsim_tf.core import nests, random
from recsim_tf.core.base.types import (
    Nest,
    Observation,
    Policy,
    Seed,
    SimulatorState,
    Turn,
    initial_policy_state,
)
from recsim_tf.core.models.explanations import Explanation, explanation_of
from recsim_tf.core.runs import replicas
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step.session_source import SessionSource
from recsim_tf.core.step.turns import action_spec
from recsim_tf.evaluation.baselines import rollout_policy


class EnvironmentState(NamedTuple):
    """The whole state of an environment, as tensors or as variables."""

    simulator: SimulatorState
    step_type: tf.Tensor  # int32 [B]
    reward: tf.Tensor  # float32 [B]
    discount: tf.Tensor  # float32 [B]
    seed: tf.Tensor  # int32 [2]


class SlateEnvironment(tf_environment.TFEnvironment):
    """A TF-Agents environment over B simulated users at once.

    Observations are `Observation(user, documents, response)` with the users as batch axis. Actions
    are slates of candidate positions, int32 [B, K], with -1 at empty positions. Where the simulator
    has a `query_spec` they are a `Turn` of slates and queries, see `action_spec`. A user who leaves
    gets a LAST step with the user's last observation. The next step ignores the action for that
    user, and is the FIRST step of a new user. Leaving has discount 0, and the time limit is a LAST
    step with discount 1.

    Args:
      simulator: a `Simulator` or a `LayeredSimulator`.
      batch_size: B, the number of users.
      seed: an integer or int32 [2], which governs every draw.
      validate: whether to check the values of actions. Dtypes and shapes are always checked. A bad
        action is a `ValueError`. In graph mode, bad values are a
        `tf.errors.InvalidArgumentError` when the graph runs, and XLA drops that check.

    In the scope of a `tf.distribute` strategy each replica has B different users.
    """

    @checked
    def __init__(
        self,
        simulator: SessionSource,
        batch_size: Count,
        seed: random.Seed = 0,
        validate: bool = True,
    ):
        self.simulator = simulator
        self._validate = validate
        with tf.init_scope():
            first_seed, seed = random.split_seed(random.as_seed(seed), 2)
            state = simulator.reset(batch_size, first_seed)
            first = _first(state, seed, batch_size)
            self._state_spec = tf.nest.map_structure(tf.TensorSpec.from_tensor, first)
            # A checkpoint must hold these variables.
            self.variables = tf.Module(name="SlateEnvironment")
            self.variables.state = tf.nest.map_structure(replicas.variable, first)
        with random.paired(1):  # The spec is of one user, also where seeds are paired.
            time_step_spec = ts.time_step_spec(simulator.observation_spec())
        super().__init__(time_step_spec, action_spec(simulator), batch_size)
        replicas.on_each(self._begin_replica)

    def read_state(self) -> EnvironmentState:
        """The state that the variables hold."""
        return replicas.read(self.variables.state, self._state_spec)

    def time_step(self, state: EnvironmentState) -> ts.TimeStep:
        """The time step of a state, which agents see."""
        return ts.TimeStep(
            state.step_type, state.reward, state.discount, self.simulator.observe(state.simulator)
        )

    def advance(self, state: EnvironmentState, action: Nest) -> EnvironmentState:
        """The next state after a step with slates int32 [B, K], or turns. It is a pure function."""
        ended = state.simulator.done
        action = self.simulator.playable_action(state.simulator, action, self._validate)
        # The next state must not be computed where the action is refused.
        with tf.control_dependencies(tf.nest.flatten(action)):
            seed, *seeds = random.split_seed(tf.identity(state.seed), 3)
        simulator_state, transition = self.simulator.step_or_replace(
            state.simulator, action, *seeds
        )
        step_type = tf.where(
            ended,
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
        replicas.fold_in_replica(self.variables.state.seed)
        self._reset()

    def _current_time_step(self):
        return self.time_step(self.read_state())

    def _reset(self):
        state = self.read_state()
        seed, reset_seed = random.split_seed(state.seed, 2)
        everybody = tf.ones([self.batch_size], tf.bool)
        return self._remember(
            _first(
                self.simulator.replace(state.simulator, everybody, reset_seed),
                seed,
                self.batch_size,
            )
        )

    def _step(self, action: Nest):
        return self._remember(self.advance(self.read_state(), action))

    def _remember(self, state: EnvironmentState) -> ts.TimeStep:
        replicas.assign(self.variables.state, state)
        return self.time_step(state)


def _first(state: SimulatorState, seed: tf.Tensor, num_users: int) -> EnvironmentState:
    """The environment state of users at the start of their sessions."""
    return EnvironmentState(
        state,
        tf.fill([num_users], ts.StepType.FIRST),
        tf.zeros([num_users]),
        tf.ones([num_users]),
        seed,
    )


class PolicyInfo(NamedTuple):
    """The info of a policy with a state, with the names of TF-Agents."""

    log_probability: Nest = ()  # [B], where the policy emits it
    policy_state: Nest = ()  # nest of [B, ...]: the policy state before the action


class TFSlatePolicy(tf_policy.TFPolicy):
    """A rollout policy as a TF-Agents policy.

    The policy state begins anew with each session. Randomness comes from the `seed` of `action` if
    it is an int32 [2] tensor. Otherwise it comes from a variable, which a checkpoint holds.

    Args:
      time_step_spec: the time step spec of the environment.
      action_spec: the action spec of the environment.
      policy: the rollout policy.
      variables: the variables that `policy` reads.
      seed: an integer or int32 [2].
      emit_state: whether the info of a policy with a state is a `PolicyInfo` with the policy state
        before the action, so that experience may begin within a session.
      **arguments: the arguments of `TFPolicy`.
    """

    def __init__(
        self,
        time_step_spec: ts.TimeStep,
        action_spec: Nest,
        policy: Policy,
        variables: Sequence[tf.Variable] = (),
        seed: Seed = 0,
        name: str = "TFSlatePolicy",
        emit_state: bool = False,
        **arguments: Any,
    ):
        with tf.init_scope():
            self._seed = replicas.seed_variable(seed, name="seed")
            policy_state = initial_policy_state(policy, 1)
        state_spec = tf.nest.map_structure(
            lambda leaf: tf.TensorSpec(leaf.shape[1:], leaf.dtype), policy_state
        )
        self._emit_state = emit_state and bool(tf.nest.flatten(state_spec))
        super().__init__(
            time_step_spec,
            action_spec,
            state_spec,
            info_spec=self._info(state_spec),
            clip=False,
            # The reset of TF-Agents makes AutoGraph print warnings about failed conversions.
            automatic_state_reset=False,
            name=name,
            **arguments,
        )
        self.policy = policy
        self.learned_from = getattr(policy, "learned_from", ())
        self._read_variables = list(variables)

    @property
    def seed(self) -> tf.Variable:
        """The seed of the next action, int32 [2]."""
        return self._seed

    def _variables(self):
        return [*self._read_variables, self._seed]

    def _get_initial_state(self, batch_size: int | tf.Tensor):
        if batch_size is None:
            return nests.at_step(initial_policy_state(self.policy, 1), 0)
        return initial_policy_state(self.policy, batch_size)

    def _next_seed(self, seed: Seed):
        """The given seed, or a new seed where it is None."""
        return replicas.new_seeds(self._seed, 1)[0] if seed is None else seed

    def _begun(self, time_step: ts.TimeStep, policy_state: Nest):
        """The policy state, with the initial state in the rows where a session begins."""
        if not tf.nest.flatten(policy_state):
            return policy_state
        first = self._get_initial_state(nests.num_rows(time_step.observation))
        return nests.where(time_step.is_first(), first, policy_state)

    def _info(self, policy_state: Nest):
        """The info of an action in a policy state, or its spec."""
        return PolicyInfo(policy_state=policy_state) if self._emit_state else ()

    def _action(self, time_step: ts.TimeStep, policy_state: Nest, seed: Seed):
        policy_state = self._begun(time_step, policy_state)
        info = self._info(policy_state)
        action, policy_state = self.policy(
            time_step.observation, policy_state, self._next_seed(seed)
        )
        return policy_step.PolicyStep(action, policy_state, info)

    def _distribution(self, time_step: ts.TimeStep, policy_state: Nest):
        """A point mass at the action that `action` returns."""
        step = self._action(time_step, policy_state, seed=None)
        return step._replace(
            action=tf.nest.map_structure(tfp.distributions.Deterministic, step.action)
        )


class _RolloutPolicy:
    """A TF-Agents policy as a rollout policy.

    The simulator starts the policy state anew with each session, so every step is presented as MID.
    """

    def __init__(self, policy: tf_policy.TFPolicy):
        self._policy = policy
        self.learned_from = getattr(policy, "learned_from", ())

    def initial_state(self, num_users: int) -> Nest:
        return self._policy.get_initial_state(num_users)

    def __call__(
        self, observation: Observation, policy_state: Nest, seed: Seed
    ) -> tuple[Nest, Nest]:
        num_users = nests.batch_size(observation)
        step_type = tf.fill([num_users], ts.StepType.MID)
        time_step = ts.TimeStep(step_type, tf.zeros([num_users]), tf.ones([num_users]), observation)
        step = self._policy.action(time_step, policy_state)
        if isinstance(step.action, Turn):
            return step.action, step.state
        return tf.cast(step.action, tf.int32), step.state

    def explain(self, observation: Observation, policy_state: Nest, seed: Seed) -> Explanation:
        return explanation_of(self._policy, observation, policy_state, seed)


@configurable(module="recsim_tf")
class SavedPolicy(_RolloutPolicy):
    """A rollout policy from a SavedModel that a training wrote.

    Args:
      simulator: the environment of the training.
      folder: the folder of the training, with the SavedModel in its folder policy/.

    Raises:
      ValueError: if the folder has no SavedModel.
    """

    def __init__(self, simulator: Simulator, folder: str | os.PathLike = gin.REQUIRED):
        path = os.path.join(folder, "policy")
        if not tf.io.gfile.isdir(path):
            raise ValueError(f"folder must be of a training that has ended, got {folder}")
        # A Deterministic registers the type that the SavedModel names.
        tfp.distributions.Deterministic(0.0)
        super().__init__(tf.saved_model.load(path))
        self.learned_from = simulator.fitted_to

    def __call__(
        self, observation: Observation, policy_state: Nest, seed: Seed
    ) -> tuple[Nest, Nest]:
        result = super().__call__(observation, policy_state, seed)
        num_users = nests.batch_size(observation)
        # A SavedModel does not know the number of users.
        return tf.nest.map_structure(
            lambda leaf: tf.ensure_shape(leaf, [num_users, *leaf.shape[1:]]), result
        )


@rollout_policy.register
def _(policy: tf_policy.TFPolicy) -> Policy:
    """A policy of TF-Agents as a policy for `Simulator.rollout` and `Simulator.fold`.

    A `TFSlatePolicy` gives the policy inside it. Any other policy of TF-Agents becomes a
    `StatefulPolicy`, which draws by the generators of TensorFlow.
    """
    return policy.policy if isinstance(policy, TFSlatePolicy) else _RolloutPolicy(policy)
