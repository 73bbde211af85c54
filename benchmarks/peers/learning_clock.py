# SPDX-License-Identifier: Apache-2.0
"""The clock of trainings that are compared. It needs Python alone, since it runs with the peers'
interpreters too.
"""

import argparse
import resource
import time
from collections.abc import Callable
from typing import Any, NamedTuple


class Plan(NamedTuple):
    """The length of a training, and when its policy is evaluated."""

    iterations: int
    chunk: int  # iterations of a call
    # The policy is evaluated after each call until a session earns so much, and at the end.
    to_return: float = 270.0
    curve_sessions: int = 2000  # of each evaluation but the one at the end
    sessions: int = 5000  # of the evaluation at the end; 0 for no evaluations at all

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> "Plan":
        """The plan of the arguments that `add_arguments` defines."""
        return cls(**{name: getattr(arguments, name) for name in cls._fields})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the fields of a `Plan` to a command line."""
    for name, default in Plan(iterations=1000, chunk=25)._asdict().items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    parser.add_argument("--no-evaluate", dest="sessions", action="store_const", const=0)


def measure(
    plan: Plan, advance: Callable[[int], int], evaluate: Callable[[int], float]
) -> dict[str, Any]:
    """Trains an agent and tells the seconds of CPU time, over all threads of this process, and what
    the agent earns. The seconds of evaluations count nowhere.

    Args:
      plan: the length of the training.
      advance: runs so many iterations, and returns the number of user steps when they are done. The
        first call makes what is trained and compiles it.
      evaluate: the mean return of so many sessions under the policy of this moment.

    Returns:
      start_cpu_seconds: from the start of the process to the end of the first call, of one
        iteration.
      training_cpu_seconds: of all iterations after it.
      user_steps_per_cpu_second, user_steps_per_wall_second: in these iterations.
      curve: the evaluations, each with its iterations, the seconds of the training before it, and
        the same with the start.
      reached: the first evaluation that reached `to_return`, or None.
      return: the mean return at the end, or None without evaluations.
      peak_mb: the most memory that the process had until the end of the training.
    """
    advance(1)
    start, cpu, wall = time.process_time(), 0.0, 0.0
    done, user_steps, curve, reached = 1, 0, [], None
    while done < plan.iterations:
        number = min(plan.chunk, plan.iterations - done)
        cpu_started, wall_started = time.process_time(), time.perf_counter()
        user_steps += advance(number)
        cpu += time.process_time() - cpu_started
        wall += time.perf_counter() - wall_started
        done += number
        if plan.sessions and reached is None:
            point = {"iterations": done, "return": evaluate(plan.curve_sessions)}
            point |= {"training_cpu_seconds": cpu, "cpu_seconds": start + cpu}
            curve.append(point)
            reached = point if point["return"] >= plan.to_return else None
    # Linux gives kB.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "start_cpu_seconds": start,
        "training_cpu_seconds": cpu,
        "user_steps_per_cpu_second": user_steps / cpu,
        "user_steps_per_wall_second": user_steps / wall,
        "curve": curve,
        "reached": reached,
        "return": evaluate(plan.sessions) if plan.sessions else None,
        "peak_mb": peak,
    }
