"""Full-slate Q-learning: each ordered slate is one action of TF-Agents' DQN."""

from collections.abc import Callable
from typing import NamedTuple

import gin
import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.agents.dqn import dqn_agent
from tf_agents.networks.network import Network
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step as ts
from tf_agents.utils import common

from recsim_tf import replicas
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.full_slate_q.network import FullSlateQNetwork
from recsim_tf.agents.shared import checks
from recsim_tf.agents.shared.descent import Optimizer, build
from recsim_tf.agents.shared.exploration import Exploration
from recsim_tf.agents.shared.slate_table import SlateTable, explain_slates
from recsim_tf.core import random
from recsim_tf.core.explanations import Explained
from recsim_tf.core.validation import FRACTION, check_numbers


class FullSlateQLoss(NamedTuple):
    """Parts of the loss, scalars."""

    huber_loss: tf.Tensor


class _SlateDqnAgent(dqn_agent.DqnAgent):
    """`DqnAgent` for less work: only the target network values all slates."""

    def __init__(self, *arguments, table: SlateTable, **named):
        super().__init__(*arguments, **named)
        self._table = table

    def _compute_q_values(self, time_steps, actions, training=False):
        if hasattr(self._q_network, "slate_value"):
            return self._q_network.slate_value(time_steps.observation, self._table.slate(actions))
        return super()._compute_q_values(time_steps, actions, training)

    def _compute_next_q_values(self, next_time_steps, info):
        q_values, _ = self._target_q_network(
            next_time_steps.observation, step_type=next_time_steps.step_type
        )
        return tf.reduce_max(q_values, axis=-1)


@gin.configurable
class FullSlateQAgent(tf_agent.TFAgent):
    """RecSim's full-slate Q agent: a `DqnAgent` whose actions are the numbers of slates, behind
    policies that show slates. It makes no assumption about how users choose, but the number of
    slates grows as N^K.

    Experience is a trajectory [B, 2] with slates as actions.

    Args:
      time_step_spec, action_spec: of the environment.
      network: gives (q float [B, number of slates], state), as `FullSlateQNetwork`; a method
        `slate_value(observation, slate)` saves work.
      optimizer: a Keras optimizer.
      gamma: discount of the future, in [0, 1] (RecSim 0.2.4's default).
      reward_scale_factor: multiplies rewards in the loss, a Huber loss with delta 1.
      gradient_clipping: largest norm of a variable's gradient, or None.
      exploration, target_update_tau, target_update_period, seed, train_step_counter: as of
        `SlateQAgent`.

    Raises:
      ValueError: for actions with queries, a number out of range, or gradient_clipping with several
        replicas.
    """

    def __init__(
        self,
        time_step_spec: ts.TimeStep,
        action_spec: tf.TensorSpec,
        network: Network,
        optimizer: Optimizer,
        gamma: float = 0.99,
        exploration: Exploration | None = None,
        target_update_tau: float = 1.0,
        target_update_period: int = 100,
        reward_scale_factor: float = 1.0,
        gradient_clipping: float | None = None,
        seed: random.Seed = 0,
        train_step_counter: tf.Variable | None = None,
        name: str = "FullSlateQAgent",
    ):
        tf.Module.__init__(self, name=name)
        checks.require_slates(name, action_spec)
        check_numbers(FRACTION, gamma=gamma)
        checks.check_target_updates(target_update_tau, target_update_period)
        checks.check_descent(optimizer, reward_scale_factor, gradient_clipping)
        if gradient_clipping is not None and replicas.number() > 1:
            raise ValueError(
                "gradient_clipping must be None with several replicas, of which DqnAgent clips each"
                " by itself"
            )
        num_candidates = int(action_spec.maximum.max()) + 1
        self._table = SlateTable(num_candidates, action_spec.shape[0])
        # `DqnAgent.loss` does not take these from the agent, as its `train` does.
        self._loss_arguments = {
            "gamma": gamma,
            "reward_scale_factor": reward_scale_factor,
            "td_errors_loss_fn": common.element_wise_huber_loss,
        }
        self._dqn = _SlateDqnAgent(
            time_step_spec,
            tensor_spec.BoundedTensorSpec([], tf.int32, 0, len(self._table) - 1, "slate_number"),
            network,
            optimizer,
            table=self._table,
            target_update_tau=target_update_tau,
            target_update_period=target_update_period,
            gradient_clipping=gradient_clipping,
            train_step_counter=train_step_counter,
            **self._loss_arguments,
        )
        build(optimizer, network.trainable_weights)

        def greedy(observation, policy_state, seed):
            q, _ = network(observation)
            return self._table.slate(tf.argmax(q, axis=-1, output_type=tf.int32)), policy_state

        def explain(observation, policy_state, seed):
            return explain_slates(network(observation)[0], self._table.slates)

        specs = time_step_spec, action_spec
        train_step = self._dqn.train_step_counter
        served = Explained(greedy, explain)
        policies = (exploration or Exploration()).policies(
            *specs, served, served, network.variables, train_step, seed
        )
        super().__init__(*specs, *policies, train_sequence_length=2, train_step_counter=train_step)

    def _initialize(self):
        self._dqn.initialize()

    def _train(self, experience, weights=None):
        loss = self._dqn.train(self._numbered(experience), weights).loss
        return tf_agent.LossInfo(loss, FullSlateQLoss(loss))

    def _loss(self, experience, weights=None, training: bool = False):
        numbered = self._numbered(experience)
        loss = self._dqn.loss(numbered, weights, training, **self._loss_arguments).loss
        return tf_agent.LossInfo(loss, FullSlateQLoss(loss))

    def _numbered(self, experience):
        return experience._replace(action=self._table.number(experience.action))


@gin.configurable(module="recsim_tf.agents")
def create_full_slate_q(
    environment: SlateEnvironment,
    train_step_counter: tf.Variable,
    network: Callable = FullSlateQNetwork,
    optimizer: Callable[[], tf.keras.optimizers.Optimizer] = tf.keras.optimizers.Adam,
    name: str = "FullSlateQ",
) -> FullSlateQAgent:
    """Builds a `FullSlateQAgent`, whose other arguments come from its own gin bindings.

    Args:
      network: builds the Q-network from the observation spec and the slate size.
      environment, train_step_counter, optimizer, name: as of `create_slate_q`.
    """
    action_spec = environment.action_spec()
    checks.require_slates(name, action_spec)
    return FullSlateQAgent(
        environment.time_step_spec(),
        action_spec,
        network(environment.observation_spec(), action_spec.shape[0]),
        optimizer(),
        train_step_counter=train_step_counter,
        name=name,
    )
