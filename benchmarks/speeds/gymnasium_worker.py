"""Steps of one user through Gymnasium, timed, in a process of `benchmarks/worker.py`."""

import time
from typing import Any, NamedTuple

import gymnasium

import recsim_tf.adapters.gymnasium


class Task(NamedTuple):
    """What one process measures."""

    environment: str  # an id of `recsim_tf.registered`
    steps: int


def measure(task: Task) -> dict[str, Any]:
    """CPU time of steps with random slates, resets included."""
    recsim_tf.adapters.gymnasium.register_environments()
    environment = gymnasium.make(f"recsim_tf/{task.environment}", seed=0)
    environment.action_space.seed(0)
    seconds, ended = 0.0, True
    for step in range(-20, task.steps):  # The first ones compile.
        slate = environment.action_space.sample()
        started = time.process_time()
        if ended:
            environment.reset()
        _, _, terminated, truncated, _ = environment.step(slate)
        ended = terminated or truncated
        seconds += (time.process_time() - started) * (step >= 0)
    return {**task._asdict(), "steps_per_cpu_second": task.steps / seconds}
