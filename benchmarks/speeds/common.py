# SPDX-License-Identifier: Apache-2.0
"""Parts that the sections of the speed report share."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import processes
import tensorflow as tf
from sections import Settings

import recsim_tf
from recsim_tf.core import random
from recsim_tf.core.runs.execution import compiled, side_by_side
from recsim_tf.core.simulator import Simulator
from recsim_tf.policies import random_policy

# Documents of a slate, of 10 candidates, in the environments that RecSim has too.
SLATE_SIZES = {
    "InterestEvolution-v1": 3,
    "InterestExploration-v1": 2,
    "LongTermSatisfaction-v1": 2,
}
NUM_CANDIDATES = 10
# Whether XLA compiles, by what the report calls it.
MODES = {"graph": False, "xla": True}

_TIMING = {
    False: {"user_steps": 2**21, "min_steps": 128, "max_steps": 4096, "cpu_seconds": 2.0},
    True: {"user_steps": 64, "min_steps": 2, "max_steps": 4, "cpu_seconds": 0.01},
}
# So many users fit into a core's cache.
SHARD_USERS = 2048


def medians(runs: Sequence[Mapping[str, float]], *names: str) -> list[float]:
    """The medians of some figures over runs."""
    return [statistics.median(run[name] for run in runs) for name in names]


def seconds_of_turns(
    functions: Mapping[str, Callable[[int], Any]],
    seconds: float,
    calls: int = 1,
    clock: Callable[[], float] = time.process_time,
) -> list[dict[str, float]]:
    """Seconds of functions of the number of a turn, by name, turn by turn: at least so many turns,
    and until the functions have taken so many seconds. A first call is not counted. The clock is
    by default that of the CPU.
    """
    for run in functions.values():
        run(0)
    turns: list[dict[str, float]] = []
    while len(turns) < calls or sum(sum(turn.values()) for turn in turns) < seconds:
        turn = {}
        for name, run in functions.items():
            started = clock()
            run(len(turns) + 1)
            turn[name] = clock() - started
        turns.append(turn)
    return turns


def simulate(
    settings: Settings,
    environment: str,
    users: Sequence[int],
    mode: str,
    one_core: bool = True,
    **task,
) -> dict[str, Any]:
    """Rates of an environment under random slates, of each batch size, from a process of their own.

    Args:
      settings: of the report.
      environment: an id.
      users: batch sizes.
      mode: one of `MODES`.
      one_core: whether the process is pinned to one core and TensorFlow has one thread.
      **task: fields of the worker's `Task` other than usual.
    """
    slates = {"slate_size": SLATE_SIZES[environment], "num_candidates": NUM_CANDIDATES}
    usual = {
        "environment": environment,
        "users": list(users),
        "xla": MODES[mode],
        "sharded": True,
        **slates,
        **_TIMING[settings.quick],
    }
    return processes.run_worker(__name__, {**usual, **task}, one_core)


class Task(NamedTuple):
    """The task of a process that measures."""

    environment: str
    users: list[int]  # batch sizes, one after the other
    xla: bool
    slate_size: int
    num_candidates: int
    user_steps: int  # a call simulates about so many, but num_steps is kept within the next two
    min_steps: int
    max_steps: int
    sharded: (
        bool  # under XLA, whether more than `SHARD_USERS` users are simulated in shards of them
    )
    cpu_seconds: float  # timed calls go on so long; 0 for none, the first call only


def simulation(simulator: Simulator, num_users: int, num_steps: int, jit_compile: bool):
    """A compiled function, seed -> (total reward, finished sessions), that simulates auto-reset
    sessions.
    """

    def count(carry, transition):
        reward, sessions = carry
        return reward + tf.reduce_sum(transition.reward), sessions + tf.reduce_sum(
            tf.cast(transition.terminated, tf.int32)
        )

    @compiled(jit_compile=jit_compile)
    def simulate(seed):
        return simulator.fold(
            random_policy(simulator),
            num_users,
            num_steps,
            seed,
            count,
            (tf.zeros([]), tf.zeros([], tf.int32)),
            auto_reset=True,
        )

    return simulate


def sharded(simulate, num_shards: int):
    """A compiled function as `simulate`, of so many shards that each are one of its calls."""
    shards = side_by_side(simulate)

    @compiled
    def run(seed):
        seeds = tf.stack(random.split_seed(seed, num_shards))
        return tf.nest.map_structure(tf.reduce_sum, shards(seeds))

    return run


def timed(task: Task) -> dict[str, Any]:
    """Rates of each batch size."""
    return {"rates": {str(num_users): _rates(task, num_users) for num_users in task.users}}


def _rates(task: Task, num_users: int) -> dict[str, float]:
    simulator = recsim_tf.make(
        task.environment, slate_size=task.slate_size, num_candidates=task.num_candidates
    )
    num_steps = min(max(task.user_steps // num_users, task.min_steps), task.max_steps)
    num_shards = max(num_users // SHARD_USERS, 1) if task.xla and task.sharded else 1
    simulate = simulation(simulator, num_users // num_shards, num_steps, task.xla)
    if num_shards > 1:
        simulate = sharded(simulate, num_shards)
    started = time.perf_counter()
    simulate.get_concrete_function(random.as_seed(0))
    trace, started = time.perf_counter() - started, time.perf_counter()
    reward, sessions = (float(result) for result in simulate(random.as_seed(0)))
    first_call, calls = time.perf_counter() - started, 0
    cpu, wall = time.process_time(), time.perf_counter()
    while time.process_time() - cpu < task.cpu_seconds:
        calls += 1
        reward, sessions = (float(result) for result in simulate(random.as_seed(calls)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    user_steps = num_users * num_steps
    return {
        "user_steps_per_cpu_second": calls * user_steps / cpu,
        "user_steps_per_wall_second": calls * user_steps / wall,
        "trace_seconds": trace,
        "first_call_seconds": first_call,
        "traces": simulate.experimental_get_tracing_count(),
        "steps_per_call": num_steps,
        "user_steps_per_call": user_steps,
        "calls": calls,
        "reward_per_user_step": reward / user_steps,
        "sessions_per_user_step": sessions / user_steps,
    }
