"""The first call of an environment's rollout, timed, in a process of `benchmarks/worker.py`."""

import time
from typing import NamedTuple

from speeds.simulation_worker import simulation

import recsim_tf
from recsim_tf.core import random

_NUM_STEPS = 2


class Task(NamedTuple):
    """What one process measures."""

    environment: str  # an id of `recsim_tf.registered`
    users: int  # or as many as the smallest world has
    xla: bool


def measure(task: Task) -> dict[str, float]:
    """CPU seconds, after a call of another program, which starts TensorFlow."""
    other = recsim_tf.make("PageClicks-v0")
    simulation(other, 1, 1, task.xla)(random.as_seed(0))
    simulator = recsim_tf.make(task.environment)
    simulate = simulation(simulator, max(task.users, simulator.fewest_users), _NUM_STEPS, task.xla)
    started = time.process_time()
    simulate.get_concrete_function(random.as_seed(0))
    trace, started = time.process_time() - started, time.process_time()
    [float(result) for result in simulate(random.as_seed(0))]
    return {"trace_seconds": trace, "first_call_seconds": time.process_time() - started}
