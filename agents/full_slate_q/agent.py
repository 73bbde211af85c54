# SPDX-License-Identifier: Apache-2.0
"""The agent of full-slate Q-learning, in which each ordered slate is an action."""

import dataclasses
from collections.abc import Callable
from typing import Annotated, NamedTuple

import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.networks.network import Network
from tf_agents.trajectories import time_step as ts
from tf_agents.trajectories import trajectory
from tf_agents.utils import common

from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.full_slate_q.network import FullSlateQNetwork
from recsim_tf.agents.shared.exploration import Exploration
from recsim_tf.agents.shared.features import network_of, reads_kinds
from recsim_tf.agents.shared.learning import Learning, batch_sums, weighted_mean
from recsim_tf.agents.shared.q_agent import QAgent, QTargets
from recsim_tf.agents.shared.returns import lambda_returns
from recsim_tf.agents.shared.slate_table import all_slates, explain_slates
from recsim_tf.core import nests
from recsim_tf.core.base.arguments import Count, Fraction, configurable
from recsim_tf.core.base.ranges import Range
from recsim_tf.core.base.types import Nest, Observation, Seed, Turn
from recsim_tf.core.models.explanations import Explained


@configurable(module="recsim_tf.agents")
@dataclasses.dataclass(frozen=True)
class FullSlateQTargets(QTargets):
    """`QTargets` with the defaults of RecSim 0.2.4's full-slate agent."""

    gamma: Fraction = 0.99
    update_tau: Annotated[float, Range(above=0, high=1)] = 1.0
    update_period: Count = 100


class FullSlateQLoss(NamedTuple):
    """Parts of the loss, scalars."""

    huber_loss: tf.Tensor


class FullSlateQAgent(QAgent):
    """RecSim's full-slate Q agent: a deep Q-network whose actions are the ordered slates. It makes
    no assumption about the choice of users, but the number of slates grows as N^K.

    Its loss is that of TF-Agents' `DqnAgent`: the mean Huber loss with delta 1, in which the step
    between two sessions counts as an error of zero.

    Args:
      time_step_spec, action_spec: specs of the environment.
      network: a network that returns (q float [B, number of slates], state), and by `slate_value`
        the value of a slate, such as `FullSlateQNetwork`.
      learning: the optimizer, and options of learning.
      targets: the targets of the values, by default `FullSlateQTargets()`.
      exploration: the frequency of random slates, by default `Exploration()`.

    Raises:
      ValueError: for actions with queries, or more than 20,000 slates.
    """

    def __init__(
        self,
        time_step_spec: ts.TimeStep,
        action_spec: tf.TensorSpec,
        network: Network,
        learning: Learning,
        targets: FullSlateQTargets | None = None,
        exploration: Exploration | None = None,
        name: str = "FullSlateQAgent",
    ):
        tf.Module.__init__(self, name=name)
        slate = Turn.of(action_spec).slate
        self._slates = all_slates(int(slate.maximum.max()) + 1, slate.shape[0])
        super().__init__(
            time_step_spec,
            action_spec,
            network,
            learning,
            targets or FullSlateQTargets(),
            exploration or Exploration(),
            name=name,
        )

    def _greedy(self, network: Network):
        def act(observation: Observation, policy_state: Nest, seed: Seed):
            q, _ = network(observation)
            return tf.gather(self._slates, tf.argmax(q, axis=-1)), policy_state

        def explain(observation: Observation, policy_state: Nest, seed: Seed):
            return explain_slates(network(observation)[0], self._slates)

        return Explained(act, explain)

    def _loss(self, experience: trajectory.Trajectory, weights=None, training: bool = False):
        _, steps, following, valid = self._transitions(experience, weights)
        next_values, _ = self._target_network(nests.merge_outer(following.observation))
        next_values = tf.reshape(tf.reduce_max(next_values, axis=-1), tf.shape(steps.reward))
        targets = lambda_returns(
            self.learning.reward_scale_factor * steps.reward,
            self.targets.gamma * steps.discount,
            next_values,
            ~following.is_boundary(),
            self.targets.td_lambda,
        )
        observation, slate, targets, valid = nests.merge_outer(
            (steps.observation, steps.action, tf.stop_gradient(targets), valid)
        )
        errors = common.element_wise_huber_loss(
            targets, self.network.slate_value(observation, slate)
        )
        loss = weighted_mean(errors, valid, *batch_sums(tf.ones_like(valid)))
        return tf_agent.LossInfo(loss, FullSlateQLoss(loss))


@configurable(module="recsim_tf.agents")
@reads_kinds
def create_full_slate_q(
    environment: SlateEnvironment,
    train_step_counter: tf.Variable,
    network: Callable = FullSlateQNetwork,
    optimizer: Callable[[], tf.keras.optimizers.Optimizer] = tf.keras.optimizers.Adam,
    name: str = "FullSlateQ",
    learning: Callable[..., Learning] = Learning,
    targets: FullSlateQTargets | None = None,
    exploration: Exploration | None = None,
) -> FullSlateQAgent:
    """Builds a `FullSlateQAgent`.

    Args:
      network: a function that builds the Q-network from the observation spec and the slate size.
      environment, train_step_counter, optimizer, name, learning: see `create_slate_q`.
      targets, exploration: see `FullSlateQAgent`; None for the defaults, and for those of a gin
        file.
    """
    action_spec = environment.action_spec()
    return FullSlateQAgent(
        environment.time_step_spec(),
        action_spec,
        network_of(network, environment.observation_spec(), Turn.of(action_spec).slate.shape[0]),
        learning(optimizer(), train_step_counter=train_step_counter),
        targets,
        exploration,
        name,
    )
