"""An environment with random slates, timed, in a process of `benchmarks/worker.py`."""

import time
from typing import Any, NamedTuple

import tensorflow as tf

import recsim_tf
from recsim_tf.core import random
from recsim_tf.core.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.policies import random_policy


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


def measure(task: Task) -> dict[str, Any]:
    """Rates of each batch size."""
    return {"rates": {str(num_users): _rates(task, num_users) for num_users in task.users}}


def _rates(task: Task, num_users: int) -> dict[str, float]:
    simulator = recsim_tf.make(
        task.environment, slate_size=task.slate_size, num_candidates=task.num_candidates
    )
    num_steps = min(max(task.user_steps // num_users, task.min_steps), task.max_steps)
    simulate = simulation(simulator, num_users, num_steps, task.xla)
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
