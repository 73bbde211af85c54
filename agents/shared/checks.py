"""Checks of the numbers that configure agents; each error names the argument."""

from collections.abc import Collection

import tensorflow as tf

from recsim_tf.core import turns
from recsim_tf.core.ranges import Range, shown
from recsim_tf.core.types import Nest, Turn

# What the error allows beside a number.
NONE, SCHEDULE = "None", "a function of the train step"


def require_fraction(also: str = "", above_zero: bool = False, **numbers) -> None:
    """Requires numbers in [0, 1], or in (0, 1] with `above_zero`.

    Args:
      also: what passes too: NONE or SCHEDULE.
      above_zero: whether 0 is refused.
      **numbers: by the names of the arguments.

    Raises:
      ValueError: for another number, or for something else.
    """
    fraction = Range(above=0, high=1) if above_zero else Range(low=0, high=1)
    _require(fraction, also, numbers)


def require_positive(also: str = "", **numbers) -> None:
    """Requires numbers above 0.

    Args:
      also: what passes too: NONE or SCHEDULE.
      **numbers: by the names of the arguments.

    Raises:
      ValueError: for another number, or for something else.
    """
    _require(Range(above=0), also, numbers)


def require_not_negative(also: str = "", **numbers) -> None:
    """Requires numbers of at least 0.

    Args:
      also: what passes too: NONE or SCHEDULE.
      **numbers: by the names of the arguments.

    Raises:
      ValueError: for another number, or for something else.
    """
    _require(Range(low=0), also, numbers)


def require_one_of(allowed: Collection[str], **choices: str) -> None:
    """Requires choices, given by the names of the arguments, among those allowed.

    Raises:
      ValueError: for another choice.
    """
    for name, choice in choices.items():
        if not isinstance(choice, str) or choice not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {shown(choice)}")


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


def require_learning_rate(optimizer) -> None:
    """Requires the rate of an optimizer of Keras to be finite and not negative, where it is a
    number; Keras takes any.

    Raises:
      ValueError: for another rate.
    """
    rate = getattr(optimizer, "learning_rate", None)
    if rate is not None and not isinstance(
        rate, tf.keras.optimizers.schedules.LearningRateSchedule
    ):
        with tf.init_scope():
            rate = tf.convert_to_tensor(rate)
        if tf.get_static_value(rate) is not None:
            name = f"learning_rate of {type(optimizer).__name__}"
            _require(Range(low=0), "", {name: float(rate)})


def _require(allowed: Range, also: str, numbers) -> None:
    for name, number in numbers.items():
        passes = number is None if also == NONE else also == SCHEDULE and callable(number)
        if not passes:
            allowed.check_number(name, number, also)
