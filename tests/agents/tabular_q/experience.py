# SPDX-License-Identifier: Apache-2.0
"""Experience of the tabular agent made by hand: users 0 to 2, documents 0 or 1, slates of 2 of 3, a
response of clicks.
"""

from typing import NamedTuple

import tensorflow as tf
from tf_agents.trajectories import time_step as ts
from tf_agents.trajectories import trajectory

from recsim_tf.agents.tabular_q import TabularExploration, TabularQAgent, TabularUpdates
from recsim_tf.core.base.types import Clicks, Observation
from tests.agents.experience import FIRST, MID, SLATE_SIZE, bounded, grouped, trajectory_of

OBSERVATION_SPEC = Observation(
    user=bounded([], 0, 2, tf.int32, "user"),
    documents=bounded([3], 0, 1, tf.int32, "documents"),
    response=Clicks(bounded([SLATE_SIZE], 0.0, 1.0, name="response/clicked")),
)
TIME_STEP_SPEC = ts.time_step_spec(OBSERVATION_SPEC)
ACTION_SPEC = bounded([SLATE_SIZE], 0, 2, tf.int32, "slate")


class Row(NamedTuple):
    """One transition."""

    user: int = 0
    documents: tuple = (0, 1, 1)
    slate: tuple = (0, 1)
    reward: float = 1.0
    discount: float = 1.0
    next_user: int = 1
    next_documents: tuple = (0, 0, 1)
    step_type: int = MID
    next_step_type: int = MID


def make_agent(**arguments) -> TabularQAgent:
    counter = tf.Variable(0, dtype=tf.int64)
    options = grouped(arguments, updates=TabularUpdates, exploration=TabularExploration)
    agent = TabularQAgent(TIME_STEP_SPEC, ACTION_SPEC, train_step_counter=counter, **options)
    agent.initialize()
    return agent


def observe(users, documents) -> Observation:
    """Observations of users and their documents, before any response."""
    users = tf.constant(users)
    return Observation(users, tf.constant(documents), Clicks(tf.zeros([*users.shape, SLATE_SIZE])))


def batch(*rows: Row) -> trajectory.Trajectory:
    """The rows as experience [B, 2]."""
    return trajectory_of(
        observe(
            [[row.user, row.next_user] for row in rows],
            [[row.documents, row.next_documents] for row in rows],
        ),
        [[row.slate, row.slate] for row in rows],
        [[row.step_type, row.next_step_type, FIRST] for row in rows],
        [[row.reward, 0.0] for row in rows],
        [[row.discount, 0.0] for row in rows],
    )
