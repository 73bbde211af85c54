# SPDX-License-Identifier: Apache-2.0
"""One user at a time, through Gymnasium."""

import math
import time
from typing import Any, NamedTuple

import gymnasium
import processes
from sections import Section, Settings, section

import recsim_tf.adapters.gymnasium
from recsim_tf import registered

_STEPS = {False: 3000, True: 5}


def measure(settings: Settings) -> Section:
    """`gymnasium_steps` is the smallest over the environments."""
    figures: dict[str, float] = {}
    details: dict[str, Any] = {}
    rows = [("environment", "steps a CPU second")]
    for environment in registered()[: 1 if settings.quick else None]:
        task = {"environment": environment, "steps": _STEPS[settings.quick]}
        details[environment] = processes.run_worker(__name__, task, True)
        rate = details[environment]["steps_per_cpu_second"]
        figures[f"gymnasium_steps/{environment}"] = rate
        rows.append((environment, f"{rate:,.0f}"))
    figures["gymnasium_steps"] = min(figures.values())
    title = "One user through Gymnasium, random slates, one core"
    bars = {"gymnasium_steps": (1000, math.inf)}
    return section(settings, title, rows, figures, bars, details=details)


class Task(NamedTuple):
    """The task of a process that measures."""

    environment: str  # an id of `recsim_tf.registered`
    steps: int


def timed(task: Task) -> dict[str, Any]:
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
