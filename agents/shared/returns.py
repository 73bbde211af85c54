"""Returns of sequences of steps."""

import tensorflow as tf
from tf_agents.utils import value_ops


def lambda_returns(rewards, discounts, next_values, continues, td_lambda: float) -> tf.Tensor:
    """Lambda-returns (Sutton & Barto 2018, chapter 12): y_t = r_t + d_t ((1 - lambda) v_t + lambda
    y_{t+1}), where v_t values what follows.

    Args:
      rewards: r, float [B, T].
      discounts: d, float [B, T], 0 where nothing follows.
      next_values: v, float [B, T], values of the states after the steps.
      continues: bool [B, T], whether step t + 1 is of the same session; where not, and after step
        T, v_t takes the place of what follows.
      td_lambda: lambda, in [0, 1].

    Returns:
      float [B, T].
    """
    values = tf.concat([tf.zeros_like(next_values[:, :1]), next_values[:, :-1]], axis=1)
    advantages = value_ops.generalized_advantage_estimation(
        tf.transpose(values),
        next_values[:, -1],
        tf.transpose(discounts),
        tf.transpose(rewards),
        td_lambda * tf.transpose(tf.cast(continues, rewards.dtype)),
    )
    return tf.transpose(advantages) + values
