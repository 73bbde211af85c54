"""A step of gradient descent on what all replicas have together."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import tensorflow as tf
from tf_agents.agents import tf_agent

from recsim_tf import replicas

# Keras' legacy optimizers have a class of their own.
Optimizer: TypeAlias = tf.keras.optimizers.Optimizer | tf.keras.optimizers.legacy.Optimizer


def build(optimizer: tf.keras.optimizers.Optimizer, variables: Sequence[tf.Variable]) -> None:
    """Makes the variables of an optimizer, unless it is a legacy one, for checkpoints to find."""
    if isinstance(optimizer, tf.keras.optimizers.Optimizer):
        optimizer.build(variables)


def descend(
    loss: Callable[[], tf_agent.LossInfo],
    variables: Sequence[tf.Variable],
    optimizer: tf.keras.optimizers.Optimizer,
    clip: Callable[[list[tf.Tensor]], list[tf.Tensor]] | None = None,
) -> tf_agent.LossInfo:
    """Computes a loss, moves variables down its gradient, and returns the loss.

    Args:
      loss: computes it; with several replicas, the replica's part of it.
      variables: those that are moved.
      optimizer: takes the gradients, with several replicas their sum.
      clip: maps these gradients to those that the optimizer takes, or None.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(variables)
        loss_info = loss()
    gradients = replicas.total(tape.gradient(loss_info.loss, variables))
    if clip is not None:
        gradients = clip(gradients)
    optimizer.apply_gradients(
        zip(gradients, variables, strict=True), experimental_aggregate_gradients=False
    )
    return loss_info
