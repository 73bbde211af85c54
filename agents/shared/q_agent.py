# SPDX-License-Identifier: Apache-2.0
"""Q-learning on sequences of steps: the base of agents that learn values by a target network."""

import abc
import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import tensorflow as tf
from tf_agents.agents import data_converter, tf_agent
from tf_agents.networks.network import Network
from tf_agents.trajectories import time_step as ts
from tf_agents.trajectories import trajectory

from recsim_tf.agents.shared import returns
from recsim_tf.agents.shared.exploration import Exploration, require_slates
from recsim_tf.agents.shared.learning import FollowingNetwork, Learning
from recsim_tf.agents.shared.unrolled import NetworkGroup
from recsim_tf.core.base.arguments import Count, Fraction, checked
from recsim_tf.core.base.ranges import Range
from recsim_tf.core.models.explanations import Explained


@checked
@dataclasses.dataclass(frozen=True)
class QTargets(returns.LambdaReturns):
    """The targets of values: lambda-returns, in which a target network values the next states.

    Args:
      num_steps, gamma: see `LambdaReturns`.
      td_lambda: lambda of the lambda-returns, in [0, 1]; 0 for one-step targets. The returns are
        not corrected for the exploration of the collect policy (as in Peng & Williams 1996).
      update_tau: fraction of the distance that the target network moves at an update, in (0, 1].
      update_period: number of train steps between its updates.
    """

    num_steps: Count = 1
    td_lambda: Fraction = 0.0
    update_tau: Annotated[float, Range(above=0, high=1)] = 0.01
    update_period: Count = 1


class Transitions(NamedTuple):
    """Experience of B users as T transitions."""

    frames: trajectory.Trajectory  # [B, T + 1], all frames
    steps: trajectory.Trajectory  # [B, T], the frames before the transitions
    following: trajectory.Trajectory  # [B, T], the frames after the transitions
    valid: tf.Tensor  # [B, T], weights of the transitions


class QAgent(tf_agent.TFAgent, abc.ABC):
    """An agent that learns values of slates by regression on `QTargets`, and shows the best slate.

    Experience is a trajectory [B, num_steps + 1]. A subclass has `_greedy` and `_loss`.

    Args:
      time_step_spec, action_spec: specs of the environment. Actions are slates without queries.
      network: a network that returns (values, state).
      learning: the optimizer, and options of learning.
      targets: the targets of the values.
      exploration: the frequency of random slates.
      others: networks that learn beside it, or None.
      values_next: whether the targets read the values of next states, for which a target network
        is kept.

    Attributes:
      network: the network that learns.
      targets: the targets.

    Raises:
      ValueError: for actions with queries.
    """

    def __init__(
        self,
        time_step_spec: ts.TimeStep,
        action_spec: tf.TensorSpec,
        network: Network,
        learning: Learning,
        targets: QTargets,
        exploration: Exploration,
        others: Sequence[Network | None] = (),
        values_next: bool = True,
        name: str = "QAgent",
    ):
        tf.Module.__init__(self, name=name)
        require_slates(name, action_spec)
        self.network = network
        self.targets = targets
        self.learning = learning
        self.exploration = exploration
        self._optimizer = learning.optimizer  # Checkpoints find it as an attribute.
        copies, served = list[FollowingNetwork](), network
        self._target_network: Any = None
        if values_next:
            tau, period = targets.update_tau, targets.update_period
            copies.append(FollowingNetwork(network, tau, period, "TargetNetwork"))
            self._target_network = copies[-1].network
        if learning.average_tau is not None:
            copies.append(FollowingNetwork(network, learning.average_tau, 1, "AverageNetwork"))
            served = copies[-1].network
        self._copies, self._served_network = copies, served
        self._networks = NetworkGroup(network, *others)
        present = NetworkGroup(network, *(copy.network for copy in copies), *others).present
        for each in present:
            each.create_variables()
        learning.build(self._trainable_weights())
        read = [each for each in present if each is not self._target_network]
        policies = exploration.policies(
            time_step_spec,
            action_spec,
            self._greedy(served),
            self._greedy(network),
            [variable for each in read for variable in each.variables],
            learning.train_step_counter,
        )
        super().__init__(
            time_step_spec,
            action_spec,
            *policies,
            train_sequence_length=targets.num_steps + 1,
            train_step_counter=learning.train_step_counter,
        )
        self._as_trajectory = data_converter.AsTrajectory(
            self.data_context, sequence_length=self.train_sequence_length
        )

    @abc.abstractmethod
    def _greedy(self, network: Network) -> Explained:
        """A policy that shows the best slate by the values of a network."""

    def _initialize(self):
        for copy in self._copies:
            copy.copy()

    def _trainable_weights(self) -> list[tf.Variable]:
        return [
            weight for network in self._networks.present for weight in network.trainable_weights
        ]

    def _train(self, experience: trajectory.Trajectory, weights: tf.Tensor | None = None):
        loss_info = self.learning.descend(
            lambda: self._loss(experience, weights, training=True), self._trainable_weights()
        )
        for copy in self._copies:
            copy.follow()
        return loss_info

    def _transitions(
        self, experience: trajectory.Trajectory, weights: tf.Tensor | None
    ) -> Transitions:
        """The transitions of experience [B, T + 1], with weights [B] of users or None."""
        frames = self._as_trajectory(experience)
        steps = tf.nest.map_structure(lambda leaf: leaf[:, :-1], frames)
        following = tf.nest.map_structure(lambda leaf: leaf[:, 1:], frames)
        # A LAST frame and the FIRST frame of another user behind it are no transition.
        valid = tf.cast(~steps.is_boundary(), tf.float32)
        valid = valid if weights is None else valid * weights[:, tf.newaxis]
        return Transitions(frames, steps, following, valid)
