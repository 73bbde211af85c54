# SPDX-License-Identifier: Apache-2.0
"""Logs of small worlds, and policies of a sharpness."""

import functools

import tensorflow as tf

from recsim_tf import logs
from recsim_tf.policies import PlackettLucePolicy
from tests.worlds.clicks import clicks
from tests.worlds.leavers import leavers

CLICKS = clicks(slate_size=3, num_candidates=6)
LEAVERS = leavers(slate_size=2, num_candidates=4)


def near(sharpness, slate_size=3):
    """Shows what is close to the users' taste, the more surely the sharper."""

    def distribution(observation):
        distance = tf.abs(observation.documents - observation.user[:, tf.newaxis])
        return -sharpness * distance

    return PlackettLucePolicy.of_logits(distribution, slate_size)


@functools.cache
def log_of_clicks(sharpness=1.0, num_sessions=1000, num_steps=1, seed=0):
    """Users who choose one document of a slate, or none."""
    policy = near(sharpness)
    trajectory = CLICKS.rollout(policy, num_sessions, num_steps, seed)
    return logs.from_trajectory(trajectory, CLICKS, logging=policy)


@functools.cache
def log_of_leavers(num_sessions=300, num_steps=4):
    """Users who leave, most of them before the end."""
    policy = near(1.0, slate_size=2)
    trajectory = LEAVERS.rollout(policy, num_sessions, num_steps, seed=0)
    return logs.from_trajectory(trajectory, LEAVERS, logging=policy)
