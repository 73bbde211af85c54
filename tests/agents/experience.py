# SPDX-License-Identifier: Apache-2.0
"""Experience of agents. What is made by hand has users and documents that are vectors, slates of 2
of 4, and responses of clicks only.
"""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import policy_step, trajectory
from tf_agents.trajectories import time_step as ts

from recsim_tf.agents.shared.exploration import Exploration
from recsim_tf.agents.shared.learning import Learning
from recsim_tf.agents.slate_q import SlateQTargets, SlateSelection
from recsim_tf.core.base.types import Clicks, Observation

NUM_FEATURES, NUM_CANDIDATES, SLATE_SIZE = 3, 4, 2
FIRST, MID, LAST = (
    int(step_type) for step_type in (ts.StepType.FIRST, ts.StepType.MID, ts.StepType.LAST)
)


def bounded(shape, low, high, dtype=tf.float32, name=None):
    return tensor_spec.BoundedTensorSpec(shape, dtype, low, high, name)


OBSERVATION_SPEC = Observation(
    user=bounded([NUM_FEATURES], -1.0, 1.0),
    documents=bounded([NUM_CANDIDATES, NUM_FEATURES], 0.0, 1.0),
    response=Clicks(bounded([SLATE_SIZE], 0.0, 1.0)),
)
TIME_STEP_SPEC = ts.time_step_spec(OBSERVATION_SPEC)
ACTION_SPEC = bounded([SLATE_SIZE], 0, NUM_CANDIDATES - 1, tf.int32, "slate")

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


def grouped(arguments: dict[str, Any], **groups: type) -> dict[str, Any]:
    """Arguments of an agent, with the fields of some dataclasses gathered in them.

    Args:
      arguments: of the agent, and fields of the dataclasses.
      **groups: a dataclass by the name of the agent's argument.
    """
    arguments = dict(arguments)
    for name, group in groups.items():
        fields = [field.name for field in dataclasses.fields(group) if field.name in arguments]
        if fields:
            arguments[name] = group(**{field: arguments.pop(field) for field in fields})
    return arguments


def learning(optimizer: Any = None, **arguments: Any) -> Learning:
    """How an agent of a test learns, with a counter of its own."""
    counter = tf.Variable(0, dtype=tf.int64)
    return Learning(
        optimizer or tf.keras.optimizers.SGD(0.1), train_step_counter=counter, **arguments
    )


def slate_q_options(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments of `SlateQAgent`, from fields of its options."""
    counter = tf.Variable(0, dtype=tf.int64)
    return grouped(
        {"optimizer": tf.keras.optimizers.SGD(0.1), "train_step_counter": counter, **arguments},
        learning=Learning,
        targets=SlateQTargets,
        slates=SlateSelection,
        exploration=Exploration,
    )


def observation(num_users, seed, clicked=None):
    """Random users and documents, whose affinity is above -1."""
    rng = np.random.default_rng(seed)
    documents = rng.uniform(0, 1, [num_users, NUM_CANDIDATES, NUM_FEATURES])
    documents /= documents.sum(-1, keepdims=True)
    clicked = np.zeros([num_users, SLATE_SIZE]) if clicked is None else clicked
    return Observation(
        user=tf.constant(rng.uniform(-1, 1, [num_users, NUM_FEATURES]), tf.float32),
        documents=tf.constant(documents, tf.float32),
        response=Clicks(tf.constant(clicked, tf.float32)),
    )


def time_step(num_users, seed):
    """The first step of users' sessions."""
    return ts.restart(observation(num_users, seed), num_users)


def random_slates(number, seed):
    candidates = np.tile(np.arange(NUM_CANDIDATES), [number, 1])
    return np.random.default_rng(seed).permuted(candidates, axis=1)[:, :SLATE_SIZE]


def trajectory_of(observations, actions, step_types, rewards, discounts, policy_info=()):
    """Experience [B, T]; step types are [B][T + 1], the last one only as what follows."""
    step_types = np.array(step_types, np.int32)
    return trajectory.Trajectory(
        step_type=tf.constant(step_types[:, :-1]),
        observation=observations,
        action=tf.constant(actions, tf.int32),
        policy_info=policy_info,
        next_step_type=tf.constant(step_types[:, 1:]),
        reward=tf.constant(rewards, tf.float32),
        discount=tf.constant(discounts, tf.float32),
    )


def sequences(step_types, rewards, discounts, slates=None, clicked=None, seed=0, log_probs=None):
    """Experience [B, T] of random users and documents.

    Args:
      step_types: [B][T + 1].
      rewards, discounts: [B][T].
      slates: [B][T][2], by default random.
      clicked: [B][T][2], by default no clicks.
      log_probs: [B][T], logged log-probabilities, or None for none.
    """
    shape = np.shape(rewards)
    frames = int(np.prod(shape))
    if clicked is not None:
        clicked = np.reshape(clicked, [frames, SLATE_SIZE])
    slates = random_slates(frames, seed) if slates is None else slates
    observations = tf.nest.map_structure(
        lambda leaf: tf.reshape(leaf, [*shape, *leaf.shape[1:]]), observation(frames, seed, clicked)
    )
    info = ()
    if log_probs is not None:
        info = policy_step.PolicyInfo(log_probability=tf.constant(log_probs, tf.float32))
    slates = np.reshape(slates, [*shape, SLATE_SIZE])
    return trajectory_of(observations, slates, step_types, rewards, discounts, info)


def batch(names=tuple(ROWS), seed=0):
    """The rows of those names as experience [B, 2]."""
    rows = [ROWS[name] for name in names]
    nothing = [False, False]
    return sequences(
        [[row[0], row[1], FIRST] for row in rows],
        [[row[3], 0.0] for row in rows],
        [[row[4], 0.0] for row in rows],
        clicked=[[nothing, [row[2] == 0, row[2] == 1]] for row in rows],
        seed=seed,
    )


def collect(environment, policy, num_frames):
    """Experience [B, num_frames] of a policy in new sessions."""
    state = policy.get_initial_state(environment.batch_size)
    now, frames = environment.reset(), []
    for _ in range(num_frames):
        decided = policy.action(now, state)
        following = environment.step(decided.action)
        frames.append(trajectory.from_transition(now, decided, following))
        now, state = following, decided.state
    return tf.nest.map_structure(lambda *leaves: tf.stack(leaves, axis=1), *frames)


def step_of(experience, step):
    """The frame at a step of experience [B, T]."""
    return tf.nest.map_structure(lambda leaf: leaf[:, step], experience)


def window(nest, first, last=None):
    """Steps of a nest of [B, T, ...]."""
    return tf.nest.map_structure(lambda leaf: leaf[:, first:last], nest)
