"""Experience of SlateQ made by hand: users and documents are vectors, 2 of 4 are shown, the
response holds clicks only.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step as ts
from tf_agents.trajectories import trajectory

from recsim_tf.core.types import Observation

NUM_FEATURES, NUM_CANDIDATES, SLATE_SIZE = 3, 4, 2
FIRST, MID, LAST = (
    int(step_type) for step_type in (ts.StepType.FIRST, ts.StepType.MID, ts.StepType.LAST)
)


class Clicks(NamedTuple):
    clicked: tf.Tensor  # [B, K]


def _bounded(shape, low, high):
    return tensor_spec.BoundedTensorSpec(shape, tf.float32, low, high)


OBSERVATION_SPEC = Observation(
    user=_bounded([NUM_FEATURES], -1.0, 1.0),
    documents=_bounded([NUM_CANDIDATES, NUM_FEATURES], 0.0, 1.0),
    response=Clicks(_bounded([SLATE_SIZE], 0.0, 1.0)),
)
TIME_STEP_SPEC = ts.time_step_spec(OBSERVATION_SPEC)
ACTION_SPEC = tensor_spec.BoundedTensorSpec([SLATE_SIZE], tf.int32, 0, NUM_CANDIDATES - 1, "slate")

# One row a case: (step type, next step type, clicked position or None, reward, discount).
ROWS = {
    "first": (FIRST, MID, 0, 1.5, 1.0),
    "click": (MID, MID, 1, 4.0, 1.0),
    "no click": (MID, MID, None, -0.5, 1.0),
    "leaves": (MID, LAST, 0, 2.0, 0.0),
    "truncated": (MID, LAST, 1, 3.0, 1.0),
    "boundary": (LAST, FIRST, None, 100.0, 1.0),
    "leaves without a click": (MID, LAST, None, 0.25, 0.0),
}


def observation(num_users, seed, clicked=None):
    """Random users and documents, whose affinity is above -1."""
    rng = np.random.default_rng(seed)
    documents = rng.uniform(0, 1, [num_users, NUM_CANDIDATES, NUM_FEATURES])
    documents /= documents.sum(-1, keepdims=True)
    return Observation(
        user=tf.constant(rng.uniform(-1, 1, [num_users, NUM_FEATURES]), tf.float32),
        documents=tf.constant(documents, tf.float32),
        response=Clicks(
            tf.zeros([num_users, SLATE_SIZE])
            if clicked is None
            else tf.constant(clicked, tf.float32)
        ),
    )


def batch(names=tuple(ROWS), seed=0):
    """The rows of those names as experience [B, 2]."""
    rows = [ROWS[name] for name in names]
    clicked = [
        [float(click == position) for position in range(SLATE_SIZE)] for _, _, click, _, _ in rows
    ]
    rng = np.random.default_rng(seed)
    slates = rng.permuted(np.tile(np.arange(NUM_CANDIDATES), [2 * len(rows), 1]), axis=1)[
        :, :SLATE_SIZE
    ]
    now, later = observation(len(rows), seed + 1), observation(len(rows), seed + 2, clicked)

    def pair(first, second, dtype):
        return tf.stack([tf.constant(first, dtype), tf.constant(second, dtype)], axis=1)

    nothing = [0] * len(rows)
    return trajectory.Trajectory(
        step_type=pair([row[0] for row in rows], [row[1] for row in rows], tf.int32),
        observation=tf.nest.map_structure(lambda *leaves: tf.stack(leaves, axis=1), now, later),
        action=tf.constant(slates.reshape(len(rows), 2, SLATE_SIZE), tf.int32),
        policy_info=(),
        next_step_type=pair([row[1] for row in rows], nothing, tf.int32),
        reward=pair([row[3] for row in rows], nothing, tf.float32),
        discount=pair([row[4] for row in rows], nothing, tf.float32),
    )


def step_of(experience, step):
    """The frame at a step of experience [B, 2]."""
    return tf.nest.map_structure(lambda leaf: leaf[:, step], experience)


def replaced(experience, step, row, **observation_parts):
    """Experience with other parts of the observation at one step of one row."""
    parts = experience.observation._asdict()
    for name, value in observation_parts.items():
        parts[name] = tf.tensor_scatter_nd_update(
            parts[name], [[row, step]], [tf.constant(value, tf.float32)]
        )
    return experience._replace(observation=Observation(**parts))
