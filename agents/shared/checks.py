"""Checks of the arguments of agents."""

import tensorflow as tf

from recsim_tf.core import turns
from recsim_tf.core.types import Nest, Turn
from recsim_tf.core.validation import NOT_NEGATIVE


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


def require_learning_rate(optimizer: tf.keras.optimizers.Optimizer) -> None:
    """Requires the rate of an optimizer of Keras to be finite and not negative, where it is a
    number; Keras takes any.

    Raises:
      ValueError: for another rate.
    """
    rate = getattr(optimizer, "learning_rate", None)
    if rate is None or isinstance(rate, tf.keras.optimizers.schedules.LearningRateSchedule):
        return
    with tf.init_scope():
        rate = tf.convert_to_tensor(rate)
    if tf.get_static_value(rate) is not None:
        NOT_NEGATIVE.check_number(f"learning_rate of {type(optimizer).__name__}", float(rate))
