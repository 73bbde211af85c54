"""Experience of the tabular agent made by hand: users 0 to 2, documents 0 or 1, slates of 2 of 3, a
response of clicks.
"""

from typing import NamedTuple

import tensorflow as tf
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step as ts
from tf_agents.trajectories import trajectory

from recsim_tf.agents.tabular_q import TabularQAgent
from recsim_tf.core.types import Clicks, Observation

NUM_CANDIDATES, SLATE_SIZE = 3, 2
FIRST, MID, LAST = (
    int(step_type) for step_type in (ts.StepType.FIRST, ts.StepType.MID, ts.StepType.LAST)
)

OBSERVATION_SPEC = Observation(
    user=tensor_spec.BoundedTensorSpec([], tf.int32, 0, 2, "user"),
    documents=tensor_spec.BoundedTensorSpec([NUM_CANDIDATES], tf.int32, 0, 1, "documents"),
    response=Clicks(
        tensor_spec.BoundedTensorSpec([SLATE_SIZE], tf.float32, 0.0, 1.0, "response/clicked")
    ),
)
TIME_STEP_SPEC = ts.time_step_spec(OBSERVATION_SPEC)
ACTION_SPEC = tensor_spec.BoundedTensorSpec([SLATE_SIZE], tf.int32, 0, NUM_CANDIDATES - 1, "slate")


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
    agent = TabularQAgent(
        TIME_STEP_SPEC,
        ACTION_SPEC,
        train_step_counter=tf.Variable(0, dtype=tf.int64),
        **arguments,
    )
    agent.initialize()
    return agent


def observe(users, documents) -> Observation:
    """Observations of users and their documents, before any response."""
    return Observation(
        tf.constant(users), tf.constant(documents), Clicks(tf.zeros([len(users), SLATE_SIZE]))
    )


def batch(*rows: Row) -> trajectory.Trajectory:
    """The rows as experience [B, 2]."""

    def pairs(first, second, dtype):
        return tf.stack([tf.constant(first, dtype), tf.constant(second, dtype)], axis=1)

    columns = Row(*map(list, zip(*rows, strict=True)))
    now, later = (
        observe(columns.user, columns.documents),
        observe(columns.next_user, columns.next_documents),
    )
    nothing = [0] * len(rows)
    return trajectory.Trajectory(
        step_type=pairs(columns.step_type, columns.next_step_type, tf.int32),
        observation=tf.nest.map_structure(lambda *leaves: tf.stack(leaves, axis=1), now, later),
        action=pairs(columns.slate, columns.slate, tf.int32),
        policy_info=(),
        next_step_type=pairs(columns.next_step_type, nothing, tf.int32),
        reward=pairs(columns.reward, nothing, tf.float32),
        discount=pairs(columns.discount, nothing, tf.float32),
    )
