# SPDX-License-Identifier: Apache-2.0
"""Learning by gradients: means over the elements of a batch that count, a step of descent on the
data of all replicas, and copies of networks that follow them.

Under a `tf.distribute` strategy a batch has the elements of all replicas. A mean is then the part
of the replica, so that the sum over replicas is the mean of the whole batch, for losses and for
their gradients. Replicas wait for each other in every exchange.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Annotated, TypeAlias

import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.networks.network import Network
from tf_agents.utils import common

from recsim_tf.core.base.arguments import NotNegative, Positive, configurable, require
from recsim_tf.core.base.ranges import Range
from recsim_tf.core.runs import replicas


def batch_sums(*values) -> list[tf.Tensor]:
    """Sums of float tensors over the whole batch, scalars, in one exchange between replicas."""
    return tf.unstack(replicas.total(tf.stack([tf.reduce_sum(value) for value in values])))


def weighted_mean(values: tf.Tensor, weights: tf.Tensor, total: tf.Tensor) -> tf.Tensor:
    """Mean of values [...] under weights [...], a scalar, or 0 if all weights are 0. With several
    replicas, it is the replica's part of the mean. `total` is `batch_sums` of the weights.
    """
    return tf.math.divide_no_nan(tf.reduce_sum(values * weights), total)


def weighted_moments(
    weights: tf.Tensor, total: tf.Tensor, *values
) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Mean and variance of each of the values [...] over the whole batch, scalars, or 0 if all
    weights [...] are 0. `total` is `batch_sums` of the weights.
    """
    means = [
        tf.math.divide_no_nan(value, total)
        for value in batch_sums(*(value * weights for value in values))
    ]
    squares = batch_sums(
        *(tf.square(value - mean) * weights for value, mean in zip(values, means, strict=True))
    )
    return [
        (mean, tf.math.divide_no_nan(square, total))
        for mean, square in zip(means, squares, strict=True)
    ]


def part(value: tf.Tensor) -> tf.Tensor:
    """The replica's part of a number that is the same in all replicas."""
    return value / replicas.number()


# Keras' legacy optimizers have another base class.
Optimizer: TypeAlias = tf.keras.optimizers.Optimizer | tf.keras.optimizers.legacy.Optimizer


@configurable(module="recsim_tf.agents")
@dataclasses.dataclass(frozen=True)
class Learning:
    """Options of learning by gradients for the networks of an agent.

    Args:
      optimizer: a Keras optimizer, with a finite learning rate of at least 0 if it is a number.
      gradient_clipping: largest norm of a variable's gradient, or None.
      reward_scale_factor: factor of rewards in the loss.
      average_tau: fraction of the distance that an averaged network moves at each train step, in
        (0, 1], or None. With it the served policy has the averaged weights (Polyak averaging), and
        the collect policy has the current ones.
      train_step_counter: the counter of train steps; by default the global step.
    """

    optimizer: Optimizer
    gradient_clipping: Positive | None = None
    reward_scale_factor: Positive = 1.0
    average_tau: Annotated[float, Range(above=0, high=1)] | None = None
    train_step_counter: tf.Variable = dataclasses.field(
        default_factory=tf.compat.v1.train.get_or_create_global_step
    )

    def __post_init__(self):
        rate = self.optimizer.learning_rate
        if isinstance(rate, tf.keras.optimizers.schedules.LearningRateSchedule):
            return
        with tf.init_scope():
            rate = tf.get_static_value(tf.convert_to_tensor(rate))
        if rate is not None:
            name = type(self.optimizer).__name__
            require(f"learning_rate of {name}", float(rate), NotNegative)

    def build(self, variables: Sequence[tf.Variable]) -> None:
        """Creates the variables of an optimizer, unless it is legacy, for checkpoints to find."""
        if isinstance(self.optimizer, tf.keras.optimizers.Optimizer):
            self.optimizer.build(variables)

    def descend(
        self, loss: Callable[[], tf_agent.LossInfo], variables: Sequence[tf.Variable]
    ) -> tf_agent.LossInfo:
        """Moves variables down the gradient of a loss, counts the train step and returns the loss.

        Args:
          loss: a function that computes the loss; with several replicas, the replica's part of it.
            The gradients of all replicas are added before they are clipped.
          variables: the variables that move.
        """
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            loss_info = loss()
        gradients = replicas.total(tape.gradient(loss_info.loss, variables))
        if self.gradient_clipping is not None:
            gradients = [tf.clip_by_norm(each, self.gradient_clipping) for each in gradients]
        self.optimizer.apply_gradients(
            zip(gradients, variables, strict=True), experimental_aggregate_gradients=False
        )
        self.train_step_counter.assign_add(1)
        return loss_info


class FollowingNetwork(tf.Module):
    """A copy of a network, whose weights move towards those of the network.

    Args:
      source: the network.
      tau: fraction of the distance that the weights move at an update.
      period: number of calls of `follow` for an update.
      name: name of the copy.

    Attributes:
      network: the copy.
    """

    def __init__(self, source: Network, tau: float, period: int, name: str):
        super().__init__(name="FollowingNetwork")
        self.network = source.copy(name=name)
        self._source = source
        self.follow = common.Periodically(lambda: self.copy(tau), period, "update")

    def copy(self, tau: float = 1.0) -> tf.Operation:
        """Moves the weights by a fraction `tau` of the distance. Raises a ValueError if the copy
        has the variables of the network itself.
        """
        followed = {id(variable) for variable in self._source.variables}
        if any(id(variable) in followed for variable in self.network.variables):
            raise ValueError(
                f"{self._source.name} must be made anew in each call of the function that builds"
                f" it, got the same variables twice: {self.network.name} has variables of its own"
            )
        return common.soft_variables_update(self._source.variables, self.network.variables, tau)
