# SPDX-License-Identifier: Apache-2.0
"""A step of interest evolution against the time to draw what it must draw."""

import math
from typing import NamedTuple

import processes
import tensorflow as tf
from sections import Section, Settings, section
from speeds.common import (
    NUM_CANDIDATES,
    SHARD_USERS,
    SLATE_SIZES,
    medians,
    seconds_of_turns,
    simulation,
)

import recsim_tf
from recsim_tf.core import random
from recsim_tf.core.random.generator import generator
from recsim_tf.core.runs.execution import compiled

_USERS = {False: (1024, SHARD_USERS), True: (2,)}
_STEPS = {False: 2**21, True: 8}


def measure(settings: Settings) -> Section:
    """`step_vs_draws` is of as many users as a shard has, and against TensorFlow's own operations;
    `step_vs_own_draws` is against the draws as recsim_tf makes them. The policy, random slates, is
    in the step and its noise is not in the draws.
    """
    figures, details = {}, {}
    rows = [("users", "step", "draws", "in a block", "by kind", "own", "step / draws", "/ own")]
    for users in _USERS[settings.quick]:
        task = {
            "users": users,
            "steps": max(_STEPS[settings.quick] // users, 1),
            "xla": True,
            "slate_size": SLATE_SIZES["InterestEvolution-v1"],
            "num_candidates": NUM_CANDIDATES,
            "num_topics": 20,
            "cpu_seconds": 0.0 if settings.quick else 2.0,
        }
        runs = [processes.run_worker(__name__, task, True) for _ in range(settings.rounds)]
        details[str(users)] = runs
        names = ("step", "draws", "draws_in_a_block", "draws_by_kind", "own_draws")
        step, draws, block, kinds, own_draws = medians(runs, *names)
        figures |= {
            f"step_ns/{users}": step,
            f"draws_ns/{users}": draws,
            "step_vs_draws": step / draws,
            "step_vs_own_draws": step / own_draws,
        }
        times = (f"{time:.1f}" for time in (step, draws, block, kinds, own_draws))
        rows.append((f"{users:,}", *times, f"{step / draws:.2f}", f"{step / own_draws:.2f}"))
    title = (
        "Nanoseconds of CPU time a user-step, interest evolution, random slates of 3 of 10, XLA,"
        " one core"
    )
    bars = {"step_vs_draws": (0.0, 2.5)}
    return section(settings, title, rows, figures, bars, details=details, left=())


class Task(NamedTuple):
    """The task of a process that measures."""

    users: int
    steps: int  # of one call
    xla: bool
    slate_size: int
    num_candidates: int
    num_topics: int
    cpu_seconds: float  # of each of the programs


def _raw_uniforms(length: int, seed) -> tf.Tensor:
    return tf.raw_ops.StatelessRandomUniformV2(shape=[length], dtype=tf.float32, **generator(seed))


def _normals(u) -> tf.Tensor:
    return math.sqrt(2.0) * tf.math.erfinv(2.0 * u + (2.0**-23 - 1.0))


def _kinds(task: Task, seed):
    """Draws each kind by an operation of its own."""
    topic_seed, uniform_seed, normal_seed = random.split_seed(seed, 3)
    topics = random.uniform_integers(
        [task.users * task.num_candidates], topic_seed, task.num_topics
    )
    normals = _normals(_raw_uniforms(task.users * task.slate_size, normal_seed))
    return topics, _raw_uniforms(2 * task.users, uniform_seed), normals


def _block(task: Task, seed, uniforms=_raw_uniforms):
    """Draws one block of uniform numbers, and maps parts of it to each kind."""
    ends = [
        task.users * count
        for count in (
            task.num_candidates,
            task.num_candidates + 2,
            task.num_candidates + 2 + task.slate_size,
        )
    ]
    u = uniforms(ends[-1], seed)
    topics = tf.cast(u[: ends[0]] * task.num_topics, tf.int32)
    return topics, u[ends[0] : ends[1]], _normals(u[ends[1] :])


def _own_block(task: Task, seed):
    """Draws one block of uniform numbers as recsim_tf does, and maps parts of it to each kind."""
    return _block(task, seed, lambda length, seed: random.uniform([length], seed))


def draws(task: Task, draw):
    """A compiled function, seed -> the draws of the last of `task.steps` steps."""

    @compiled(jit_compile=task.xla)
    def run(seed):
        def body(step, seed, last):
            del last
            seed, draw_seed = random.split_seed(seed, 2)
            return step + 1, seed, draw(task, draw_seed)

        loop_vars = (0, seed, tf.nest.map_structure(tf.zeros_like, draw(task, seed)))
        last = tf.while_loop(
            lambda *_: True, body, loop_vars, parallel_iterations=1, maximum_iterations=task.steps
        )[2]
        return [tf.reduce_sum(tf.cast(leaf, tf.float32)) for leaf in last]

    return run


def timed(task: Task) -> dict[str, float]:
    """Nanoseconds of CPU time a user-step of each program."""
    simulator = recsim_tf.make(
        "InterestEvolution-v1", slate_size=task.slate_size, num_candidates=task.num_candidates
    )
    programs = {
        "step": simulation(simulator, task.users, task.steps, task.xla),
        "draws_by_kind": draws(task, _kinds),
        "draws_in_a_block": draws(task, _block),
        "own_draws": draws(task, _own_block),
    }
    calls = {
        name: lambda turn, run=run: [float(result) for result in run(random.as_seed(turn))]
        for name, run in programs.items()
    }
    turns = seconds_of_turns(calls, len(programs) * task.cpu_seconds)
    seconds = dict(zip(programs, medians(turns, *programs), strict=True))
    figures = {name: 1e9 * value / (task.users * task.steps) for name, value in seconds.items()}
    figures["draws"] = min(figures["draws_by_kind"], figures["draws_in_a_block"])
    return {**figures, "calls": len(turns)}
