"""Users in seats: whoever leaves makes room for a new user at the next step, as environments for
learners have it.
"""

import tensorflow as tf

from recsim_tf.core import random


def step_seats(simulator, state, slate: tf.Tensor, seed):
    """Shows a slate to every user in session, and starts a session for a new user where one had
    ended before.

    Args:
      simulator: a `Simulator`, or what has its `step` and `replace`.
      state: its state of B users.
      slate: int32 [B, K]; whatever is shown to a user who had left has no effect.
      seed: int32 [2].

    Returns:
      The next state, the transition, inactive where a new user took the seat, and a seed for what
      follows.
    """
    left = state.done
    seed, step_seed, newcomer_seed = random.split_seed(seed, 3)
    state, transition = simulator.step(state, slate, step_seed)
    state = tf.cond(
        tf.reduce_any(left), lambda: simulator.replace(state, left, newcomer_seed), lambda: state
    )
    return state, transition, seed
