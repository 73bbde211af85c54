"""Epsilon-greedy exploration over slates."""

from collections.abc import Callable

import gin
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.types import Policy

# A number, or a function of the train step, as a Keras learning-rate schedule.
Epsilon = float | Callable[[tf.Variable], tf.Tensor]


def epsilon_greedy(
    greedy: Policy, num_candidates: int, epsilon: Epsilon, train_step: tf.Variable
) -> Policy:
    """A policy that shows a user the slate of `greedy`, or with probability epsilon a uniform one.

    Args:
      greedy: a policy of slates without repetition; it is the result where epsilon is the number 0.
      num_candidates: N.
      epsilon: in [0, 1].
      train_step: the argument of `epsilon` where it is a function.

    Raises:
      ValueError: for a number outside [0, 1].
    """
    if not callable(epsilon) and not 0 <= epsilon <= 1:
        raise ValueError(
            f"epsilon must be in [0, 1] or a function of the train step, got {epsilon}"
        )
    if not callable(epsilon) and epsilon == 0:
        return greedy

    def act(observation, policy_state, seed):
        greedy_seed, who_seed, slate_seed = random.split_seed(seed, 3)
        slate, policy_state = greedy(observation, policy_state, greedy_seed)
        num_users, slate_size = tf.shape(slate)[:1], slate.shape[1]
        probability = epsilon(train_step) if callable(epsilon) else epsilon
        explores = random.uniform(num_users, who_seed) < tf.cast(probability, tf.float32)
        uniform = random.uniform_slate(num_users[0], num_candidates, slate_size, slate_seed)
        return tf.where(explores[:, tf.newaxis], uniform, slate), policy_state

    return act


@gin.configurable(module="recsim_tf.agents")
def linearly_decaying_epsilon(
    final_epsilon: float = 0.01, warmup_steps: int = 20_000, decay_steps: int = 250_000
) -> Callable[[tf.Variable], tf.Tensor]:
    """Epsilon 1 during the warm-up, then a straight line down to its final value: RecSim 0.2.4's
    schedule, with its defaults.

    It is final_epsilon + clip((1 - final_epsilon) (decay_steps + warmup_steps - step) /
    decay_steps, 0, 1 - final_epsilon). RecSim counts the agent's steps in one environment, of which
    it trains at every fourth; here the steps are train steps.

    Args:
      final_epsilon: in [0, 1].
      warmup_steps: train steps before the decay.
      decay_steps: train steps of the decay, at least 1.

    Returns:
      A function from the train step to epsilon, float32.

    Raises:
      ValueError: for an argument out of range.
    """
    if not 0 <= final_epsilon <= 1:
        raise ValueError(f"final_epsilon must be in [0, 1], got {final_epsilon}")
    if warmup_steps < 0:
        raise ValueError(f"warmup_steps must be at least 0, got {warmup_steps}")
    if decay_steps < 1:
        raise ValueError(f"decay_steps must be at least 1, got {decay_steps}")
    decay = tf.keras.optimizers.schedules.PolynomialDecay(
        1.0, decay_steps, final_epsilon, power=1.0
    )

    def epsilon(train_step):
        return decay(tf.maximum(tf.cast(train_step, tf.int64) - warmup_steps, 0))

    return epsilon
