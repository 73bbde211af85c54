"""An environment with random slates, timed, in a process of `benchmarks/worker.py`."""

import time
from typing import Any, NamedTuple

import tensorflow as tf

import recsim_tf
from recsim_tf.core import random
from recsim_tf.core.execution import compiled, side_by_side
from recsim_tf.core.simulator import Simulator
from recsim_tf.policies import random_policy

# So many users fit into a core's cache.
SHARD_USERS = 2048


class Task(NamedTuple):
    """What one process measures."""

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
