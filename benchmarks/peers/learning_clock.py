"""The clock of trainings that are compared. It needs Python alone, since it runs with the peers'
interpreters too.
"""

import resource
import time
from collections.abc import Callable
from typing import Any


def measure(
    advance: Callable[[int], Any],
    evaluate: Callable[[int], float] | None,
    user_steps: int,
    iterations: int,
    chunk: int,
    to_return: float,
    sessions: tuple[int, int],
) -> dict[str, Any]:
    """Trains an agent and tells the seconds of CPU time, over all threads of this process, and what
    the agent earns.

    The start goes from the start of the process to the end of the first call, which makes what is
    trained, compiles it and runs one iteration. The training is what comes after that. The seconds
    of evaluations count nowhere.

    Args:
      advance: runs so many iterations, and returns when they are done.
      evaluate: the mean return of so many sessions under the policy of this moment, or None for no
        evaluations.
      user_steps: user steps of an iteration.
      iterations: iterations of the whole training.
      chunk: iterations of a call. The policy is evaluated after each call until it earns
        `to_return`, and at the end.
      to_return: the return of a session that is waited for.
      sessions: sessions of each of these evaluations, and of the one at the end.
    """
    advance(1)
    start, training, wall = time.process_time(), 0.0, 0.0
    done, curve, reached = 1, [], None
    while done < iterations:
        number = min(chunk, iterations - done)
        cpu_started, wall_started = time.process_time(), time.perf_counter()
        advance(number)
        training += time.process_time() - cpu_started
        wall += time.perf_counter() - wall_started
        done += number
        if evaluate is not None and reached is None:
            point = {"iterations": done, "training_cpu_seconds": training}
            point |= {"return": evaluate(sessions[0]), "cpu_seconds": start + training}
            curve.append(point)
            reached = point if point["return"] >= to_return else None
    # In kB on Linux.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "start_cpu_seconds": start,
        "training_cpu_seconds": training,
        "user_steps_per_cpu_second": (iterations - 1) * user_steps / training,
        "user_steps_per_wall_second": (iterations - 1) * user_steps / wall,
        "curve": curve,
        "reached": reached,
        "return": None if evaluate is None else evaluate(sessions[1]),
        "peak_mb": peak,
    }
