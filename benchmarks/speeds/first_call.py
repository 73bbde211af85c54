# SPDX-License-Identifier: Apache-2.0
"""How soon a user sees a first result: CPU seconds to trace and compile a rollout."""

import time
from typing import Any, NamedTuple

import processes
from sections import Section, Settings, section
from speeds.common import MODES, simulation

import recsim_tf
from recsim_tf import registered
from recsim_tf.core import random

_USERS = {False: 32, True: 4}
_NUM_STEPS = 2


def measure(settings: Settings) -> Section:
    """`first_call_s` is under XLA and `first_call_graph_s` in graph mode, each of the environment
    where it is longest.
    """
    figures: dict[str, float] = {}
    details: dict[str, Any] = {}
    rows = [("environment", "mode", "trace", "first call", "together")]
    for mode, name in (("xla", "first_call_s"), ("graph", "first_call_graph_s")):
        longest = 0.0
        for environment in registered()[: 1 if settings.quick else None]:
            task = {
                "environment": environment,
                "users": _USERS[settings.quick],
                "xla": MODES[mode],
            }
            runs = [processes.run_worker(__name__, task, True) for _ in range(settings.rounds)]
            details[f"{environment}/{mode}"] = runs
            trace, call = (
                min(run[figure] for run in runs)
                for figure in ("trace_seconds", "first_call_seconds")
            )
            figures[f"{name}/{environment}"] = trace + call
            longest = max(longest, trace + call)
            rows.append((environment, mode, f"{trace:.2f}", f"{call:.2f}", f"{trace + call:.2f}"))
        figures[name] = longest
    title = (
        f"CPU seconds of a rollout of {_USERS[settings.quick]} users with random slates, the least"
        f" of {settings.rounds} processes: to trace it, and to compile and run it"
    )
    bars = {"first_call_s": (0, 2), "first_call_graph_s": (0, 0.7)}
    return section(settings, title, rows, figures, bars, details=details, left=(0, 1))


class Task(NamedTuple):
    """The task of a process that measures."""

    environment: str  # an id of `recsim_tf.registered`
    users: int  # or as many as the smallest world has
    xla: bool


def timed(task: Task) -> dict[str, float]:
    """CPU seconds, after a call of another program, which starts TensorFlow."""
    page_clicks = recsim_tf.make("PageClicks-v0")
    simulation(page_clicks, 1, 1, task.xla)(random.as_seed(0))
    simulator = recsim_tf.make(task.environment)
    simulate = simulation(simulator, max(task.users, simulator.fewest_users), _NUM_STEPS, task.xla)
    started = time.process_time()
    simulate.get_concrete_function(random.as_seed(0))
    trace, started = time.process_time() - started, time.process_time()
    [float(result) for result in simulate(random.as_seed(0))]
    return {"trace_seconds": trace, "first_call_seconds": time.process_time() - started}
