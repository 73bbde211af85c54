"""Epsilon-greedy exploration over slates."""

from collections.abc import Callable

import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.simulator import Policy

# A number, or a function of the train step, as a Keras learning-rate schedule.
Epsilon = float | Callable[[tf.Variable], tf.Tensor]


def epsilon_greedy(greedy: Policy, num_candidates: int, epsilon: Epsilon, train_step: tf.Variable) -> Policy:
    """A policy that shows a user the slate of `greedy`, or with probability epsilon a uniform one.

    Args:
      greedy: a policy of slates without repetition.
      num_candidates: N.
      epsilon: in [0, 1].
      train_step: the argument of `epsilon` where it is a function.
    """

    def act(observation, policy_state, seed):
        greedy_seed, who_seed, slate_seed = random.split_seed(seed, 3)
        slate, policy_state = greedy(observation, policy_state, greedy_seed)
        num_users, slate_size = tf.shape(slate)[:1], slate.shape[1]
        probability = epsilon(train_step) if callable(epsilon) else epsilon
        explores = random.uniform(num_users, who_seed) < tf.cast(probability, tf.float32)
        uniform = random.uniform_slate(num_users[0], num_candidates, slate_size, slate_seed)
        return tf.where(explores[:, tf.newaxis], uniform, slate), policy_state

    return act
