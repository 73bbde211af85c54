# SPDX-License-Identifier: Apache-2.0
"""Returns of sequences of steps."""

import dataclasses

import tensorflow as tf

from recsim_tf.core.base.arguments import Count, Fraction, configurable


@configurable(module="recsim_tf.agents")
@dataclasses.dataclass(frozen=True)
class LambdaReturns:
    """The horizon of the returns of decisions.

    Args:
      num_steps: number of steps of each user in a train step, at least 1. The value of the last
        state stands for all later rewards.
      gamma: discount of the future, in [0, 1].
      td_lambda: lambda of the lambda-returns, in [0, 1]; 0 for one-step returns.
    """

    num_steps: Count = 20
    gamma: Fraction = 1.0
    td_lambda: Fraction = 1.0


def lambda_advantages(
    rewards: tf.Tensor,
    discounts: tf.Tensor,
    values: tf.Tensor,
    continues: tf.Tensor,
    td_lambda: float | tf.Tensor,
) -> tf.Tensor:
    """Lambda-returns less the values of the states, y_t - v_t float [B, T], see `lambda_returns`.

    Args:
      rewards: rewards r, float [B, T].
      discounts: discounts d, float [B, T], 0 if no rewards follow.
      values: values v of the states before the steps and after the last step, float [B, T + 1].
      continues: whether step t + 1 is in the same session, bool [B, T]. If it is not, and after
        step T, v_{t+1} replaces y_{t+1}.
      td_lambda: lambda, in [0, 1]; a number, or float [B, T] for each step. T is static.
    """
    # y_t - v_t is its error of one step, plus a factor times y_{t+1} - v_{t+1}. Each pass joins
    # stretches of steps with the stretches that follow, so that few passes do for many steps.
    sums = rewards + discounts * values[:, 1:] - values[:, :-1]
    factors = td_lambda * discounts * tf.cast(continues, rewards.dtype)
    length = 1
    while length < rewards.shape[1]:
        sums += factors * _later(sums, length)
        factors *= _later(factors, length)
        length *= 2
    return sums


def _later(values: tf.Tensor, number: int) -> tf.Tensor:
    """The values [B, T] of so many steps later, 0 after the last step."""
    return tf.pad(values[:, number:], [[0, 0], [0, number]])


def lambda_returns(
    rewards: tf.Tensor,
    discounts: tf.Tensor,
    next_values: tf.Tensor,
    continues: tf.Tensor,
    td_lambda: float | tf.Tensor,
) -> tf.Tensor:
    """Lambda-returns y_t = r_t + d_t ((1 - lambda) v_{t+1} + lambda y_{t+1}), float [B, T] (Sutton
    & Barto 2018, chapter 12).

    Args:
      next_values: values v of the states after the steps, float [B, T].
      rewards, discounts, continues, td_lambda: see `lambda_advantages`.
    """
    # The value of the first state cancels.
    values = tf.pad(next_values, [[0, 0], [1, 0]])
    return lambda_advantages(rewards, discounts, values, continues, td_lambda) + values[:, :-1]
