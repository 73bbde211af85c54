"""Turns a CPU second, in a process of `benchmarks/worker.py`."""

import time
from typing import NamedTuple

import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.execution import compiled
from recsim_tf.core.types import Turn
from recsim_tf.environments.conversation import (
    Act,
    ConversationUsers,
    Items,
    conversation,
    query,
)
from recsim_tf.policies.elicitation import RecommendSet

_NUM_ATTRIBUTES = 4  # 25 symbols


class Task(NamedTuple):
    """What one process measures."""

    num_candidates: int
    num_users: int
    num_turns: int  # of one call
    believes: bool
    cpu_seconds: float
    xla: bool


def measure(task: Task) -> dict[str, float]:
    users = ConversationUsers(num_attributes=_NUM_ATTRIBUTES)
    simulator = conversation(
        users,
        Items(directions=users.directions),
        slate_size=3,
        num_candidates=task.num_candidates,
    )
    policy = RecommendSet(simulator) if task.believes else random_turns

    @compiled(jit_compile=task.xla)
    def rollout(seed):
        return simulator.fold(
            policy,
            task.num_users,
            task.num_turns,
            seed,
            lambda total, transition: total + transition.reward,
            tf.zeros([task.num_users]),
            auto_reset=True,
        )

    begun = time.perf_counter()
    rollout(tf.constant([0, 0]))
    first_call = time.perf_counter() - begun
    calls, begun = 0, time.process_time()
    while not calls or time.process_time() - begun < task.cpu_seconds:
        calls += 1
        rollout(tf.constant([0, calls])).numpy()
    seconds = time.process_time() - begun
    return {
        "turns_per_second": calls * task.num_users * task.num_turns / seconds,
        "first_call_seconds": first_call,
    }


def random_turns(observation, policy_state, seed):
    """Turns of a random act, with consecutive items and attributes from a random one on."""
    num_users, num_candidates = observation.documents.item_id.shape
    act_seed, item_seed, attribute_seed = random.split_seed(seed, 3)
    act = 1 + random.uniform_integers([num_users], act_seed, len(Act) - 1)
    first = random.uniform_integers([num_users], item_seed, num_candidates)
    slate = (first[:, tf.newaxis] + tf.range(3)) % num_candidates
    is_question = act == int(Act.ASK)
    slate = tf.where(is_question[:, tf.newaxis] & (tf.range(3) > 0), -1, slate)
    names = is_question | (act == int(Act.CHIPS)) | (act == int(Act.ENDORSE))
    attribute = random.uniform_integers([num_users], attribute_seed, _NUM_ATTRIBUTES)
    return Turn(slate, query(act, (tf.where(names, attribute, -1),))), policy_state
