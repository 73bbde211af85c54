"""Runs of the ecosystem, one after the other, in a process of `benchmarks/worker.py`."""

import time
from typing import NamedTuple

import tensorflow as tf

from recsim_tf.core.execution import compiled
from recsim_tf.environments.ecosystem import ecosystem
from recsim_tf.policies import Boosting


class Task(NamedTuple):
    """What one process measures."""

    users_per_world: int
    num_steps: int
    num_runs: int
    xla: bool


def measure(task: Task) -> dict[str, float]:
    simulator = ecosystem(users_per_world=task.users_per_world)
    traces = []

    @compiled(jit_compile=task.xla)
    def run(seed):
        traces.append(seed)
        return simulator.fold(
            Boosting(simulator),
            task.users_per_world,
            task.num_steps,
            seed,
            lambda total, transition: total + transition.reward,
            tf.zeros([task.users_per_world]),
        )

    begun, seconds = time.process_time(), []
    for number in range(task.num_runs):
        run(tf.constant([0, number])).numpy()
        seconds.append(time.process_time() - begun)
    later = (seconds[-1] - seconds[0]) / (task.num_runs - 1)
    return {
        "user_steps_per_second": task.users_per_world * task.num_steps / later,
        "seconds": seconds[-1],
        "first_seconds": seconds[0],
        "traces": len(traces),
    }
