"""Policies in TF-Agents' environment, frame by frame."""

from collections.abc import Iterator

import tensorflow as tf

from recsim_tf.adapters.tf_agents import SlateEnvironment, TFSlatePolicy
from recsim_tf.core.simulator import Simulator


def frames(simulator: Simulator, policy, num_users: int, num_frames: int) -> Iterator[tuple]:
    """Each frame that the environment shows, and the state of the policy after its action."""
    environment = SlateEnvironment(simulator, num_users, seed=1)
    tf_policy = TFSlatePolicy(environment.time_step_spec(), environment.action_spec(), policy)
    action = tf.function(tf_policy.action, autograph=False)
    step = tf.function(environment.step, autograph=False)
    state, time_step = tf_policy.get_initial_state(num_users), environment.current_time_step()
    for _ in range(num_frames):
        chosen = action(time_step, state)
        state = chosen.state
        yield time_step, state
        time_step = step(chosen.action)
