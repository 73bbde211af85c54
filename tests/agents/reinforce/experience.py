"""Agents and experience made by hand: users and documents are vectors, slates are 2 of 4."""

import numpy as np
import tensorflow as tf
from tf_agents.networks import network
from tf_agents.trajectories import policy_step, trajectory

from recsim_tf.agents.reinforce import (
    ImportanceWeights,
    ReinforceSlateAgent,
    SlatePolicyNetwork,
    StateValueNetwork,
)
from recsim_tf.agents.shared.returns import LambdaReturns
from tests.agents.grouped import grouped
from tests.agents.slate_q.experience import (
    ACTION_SPEC,
    FIRST,
    LAST,
    MID,
    OBSERVATION_SPEC,
    TIME_STEP_SPEC,
    observation,
)

__all__ = [
    "ACTION_SPEC",
    "FIRST",
    "LAST",
    "MID",
    "OBSERVATION_SPEC",
    "TIME_STEP_SPEC",
    "observation",
]


class FirstFeature(network.Network):
    """A value network without weights that can be read off: the first number of the user."""

    def __init__(self):
        super().__init__(input_tensor_spec=OBSERVATION_SPEC, state_spec=(), name="FirstFeature")

    def call(self, observation, step_type=(), network_state=(), training=False):
        del step_type, training
        return observation.user[:, 0], network_state


def make_agent(value_network=None, optimizer=None, **arguments) -> ReinforceSlateAgent:
    agent = ReinforceSlateAgent(
        TIME_STEP_SPEC,
        ACTION_SPEC,
        SlatePolicyNetwork(OBSERVATION_SPEC, 2, (8,)),
        StateValueNetwork(OBSERVATION_SPEC, (8,)) if value_network is None else value_network,
        optimizer or tf.keras.optimizers.SGD(0.1),
        train_step_counter=tf.Variable(0, dtype=tf.int64),
        **grouped(arguments, returns=LambdaReturns, importance=ImportanceWeights),
    )
    agent.initialize()
    return agent


def sequences(step_types, rewards, discounts, slates=None, values=None, log_probs=None, seed=0):
    """Experience [B, T] of B users.

    Args:
      step_types: [B][T + 1], the last one only as what follows.
      rewards, discounts: [B][T].
      slates: [B][T][2], by default random.
      values: [B][T], put into the first number of the user.
      log_probs: [B][T], logged log-probabilities, or None for none.
    """
    step_types = np.array(step_types, np.int32)
    num_users, length = step_types.shape[0], step_types.shape[1] - 1
    frames = num_users * length
    flat = observation(frames, seed)
    if values is not None:
        flat = flat._replace(
            user=tf.concat([np.reshape(np.float32(values), [-1, 1]), flat.user[:, 1:]], axis=1)
        )
    if slates is None:
        slates = np.random.default_rng(seed + 1).permuted(
            np.tile(np.arange(4), [frames, 1]), axis=1
        )[:, :2]
    return trajectory.Trajectory(
        step_type=tf.constant(step_types[:, :-1]),
        observation=tf.nest.map_structure(
            lambda leaf: tf.reshape(leaf, [num_users, length, *leaf.shape[1:]]), flat
        ),
        action=tf.reshape(tf.constant(slates, tf.int32), [num_users, length, 2]),
        policy_info=(
            ()
            if log_probs is None
            else policy_step.PolicyInfo(log_probability=tf.constant(log_probs, tf.float32))
        ),
        next_step_type=tf.constant(step_types[:, 1:]),
        reward=tf.constant(rewards, tf.float32),
        discount=tf.constant(discounts, tf.float32),
    )
