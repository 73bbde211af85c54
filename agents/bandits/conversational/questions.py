"""How many questions a user has been asked after some rounds."""

from collections.abc import Callable

import gin
import tensorflow as tf

from recsim_tf.core import validation

# b: maps the rounds of users that are over, int32 [B], to the questions that are to have been asked
# before the next, int32 [B].
Questions = Callable[[tf.Tensor], tf.Tensor]


@gin.configurable(module="recsim_tf.agents")
def logarithmic_questions(rounds: tf.Tensor, factor: int = 5) -> tf.Tensor:
    """int32 [B]: factor * floor(ln(t + 1)) after t rounds, ConUCB's frequency; 25 in 400 rounds.

    Args:
      rounds: int32 [B], t.
      factor: questions at a time; 5 by the authors' code.

    Raises:
      ValueError: if the factor is no integer of at least 1.
    """
    validation.check_count(factor=factor)
    return factor * tf.cast(tf.math.log(tf.cast(rounds + 1, tf.float32)), tf.int32)


@gin.configurable(module="recsim_tf.agents")
def periodic_questions(rounds: tf.Tensor, period: int = 10) -> tf.Tensor:
    """int32 [B]: floor(t / period) after t rounds, a question every `period` rounds.

    Raises:
      ValueError: if the period is no integer of at least 1.
    """
    validation.check_count(period=period)
    return rounds // period
