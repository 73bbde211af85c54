"""Turns a CPU second on one core: users under random turns, and a policy with a belief about each
user that shows its best set.
"""

import statistics
import time
from typing import NamedTuple

import numpy as np
import processes
import tensorflow as tf
from sections import Section, Settings, section

from recsim_tf.conversations import Act, ConversationUsers, Items, conversation, query
from recsim_tf.conversations.elicitation import RecommendSet
from recsim_tf.core import random
from recsim_tf.core.base.types import Turn
from recsim_tf.core.runs.execution import compiled

_ROUNDS = {False: 3, True: 1}
# Candidates of 100 items, users, turns of one call, and whether a policy believes.
_CASES = {
    "turns": ("random turns, all items are candidates", 100, 1024, 100, False),
    "turns_of_drawn_candidates": ("random turns, 20 candidates drawn", 20, 1024, 20, False),
    "turns_with_belief": ("belief (128 particles) and best set", 100, 64, 16, True),
}
_BARS = {"speed.turns": (1e6, np.inf), "speed.turns_with_belief": (15e3, np.inf)}
_NUM_ATTRIBUTES = 4  # 25 symbols


def measure(settings: Settings) -> Section:
    figures: dict[str, float] = {}
    details = {}
    rows = [("case", "turns / CPU s", "first call, s")]
    for name, (label, num_candidates, num_users, num_turns, believes) in _CASES.items():
        task = {
            "num_candidates": num_candidates,
            "num_users": 4 if settings.quick else num_users,
            "num_turns": 2 if settings.quick else num_turns,
            "believes": believes,
            "cpu_seconds": 0.0 if settings.quick else 3.0,
            # To compile takes longer than a quick run does.
            "xla": not settings.quick,
        }
        runs = [processes.run_worker(__name__, task, True) for _ in range(_ROUNDS[settings.quick])]
        details[name] = runs
        figures[f"speed.{name}"] = statistics.median(run["turns_per_second"] for run in runs)
        first = statistics.median(run["first_call_seconds"] for run in runs)
        rows.append((label, f"{figures[f'speed.{name}']:,.0f}", f"{first:.1f}"))
    title = "Conversation-v0 under XLA on one core, slates of 3 of 100 items, 25 symbols of replies"
    return section(settings, title, rows, figures, _BARS, details=details)


class Task(NamedTuple):
    """What one process measures."""

    num_candidates: int
    num_users: int
    num_turns: int  # of one call
    believes: bool
    cpu_seconds: float
    xla: bool


def timed(task: Task) -> dict[str, float]:
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
