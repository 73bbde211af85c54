"""Checks of the arguments of agents."""

import tensorflow as tf

from recsim_tf.core import turns, validation
from recsim_tf.core.ranges import Range
from recsim_tf.core.types import Nest, Turn
from recsim_tf.core.validation import NONE, NOT_NEGATIVE, POSITIVE, check_numbers


def require_slates(name: str, action_spec: Nest) -> None:
    """Requires actions that are slates alone, for an agent of that name.

    Raises:
      ValueError: for turns of a slate and a query.
    """
    turns.require_no_queries(
        name,
        Turn.of(action_spec).query,
        "train ReinforceSlateAgent, or let a layer's action_format give the agent a menu of turns",
    )


def check_descent(
    optimizer: tf.keras.optimizers.Optimizer,
    reward_scale_factor: float,
    gradient_clipping: float | None,
) -> None:
    """Checks the arguments of an agent that learns by gradients. Keras takes any learning rate;
    here it must be finite and not negative, where it is a number.

    Raises:
      ValueError: for a number out of range.
    """
    check_numbers(POSITIVE, reward_scale_factor=reward_scale_factor)
    check_numbers(POSITIVE, NONE, gradient_clipping=gradient_clipping)
    rate = getattr(optimizer, "learning_rate", None)
    if rate is None or isinstance(rate, tf.keras.optimizers.schedules.LearningRateSchedule):
        return
    with tf.init_scope():
        rate = tf.convert_to_tensor(rate)
    if tf.get_static_value(rate) is not None:
        NOT_NEGATIVE.check_number(f"learning_rate of {type(optimizer).__name__}", float(rate))


def check_target_updates(target_update_tau: float, target_update_period: int) -> None:
    """Checks how the target network of an agent follows its network.

    Raises:
      ValueError: for a number out of range.
    """
    check_numbers(Range(above=0, high=1), target_update_tau=target_update_tau)
    validation.check_count(target_update_period=target_update_period)
