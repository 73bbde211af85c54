"""How soon the quickstart has learned: seconds of its training, start and tracing included, to a
return of 270 in interest evolution with slates of 3 of 10, of which its oracle earns 280.

By wall time, so the figures mean something on a machine that does nothing else.
"""

import time
from typing import NamedTuple

import processes
from sections import Section, Settings, section
from speeds.common import medians

from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.experiment import config
from recsim_tf.training import Training

_RETURN = 270.0
_MAX_ITERATIONS = {False: 1000, True: 50}
_WARM_UP, _EVERY = 120, 50
_QUICK = (
    "experiment.num_users = 8",
    "Iteration.batch_size = 2",
    "Iteration.replay_length = 5",
    "SlateQTargets.num_steps = 3",
)


def measure(settings: Settings) -> Section:
    """`seconds_to_270` is on all cores, the median over seeds, one for each round; it is left out
    where a seed does not get there.
    """
    figures, details = {}, {}
    rows = [("", "seconds", "iterations", "user-steps a second")]
    for one_core, name in ((True, "one core"), (False, "all cores")):
        tasks = [
            {
                "seed": seed,
                "to_return": _RETURN,
                "max_iterations": _MAX_ITERATIONS[settings.quick],
                "quick": settings.quick,
            }
            for seed in range(settings.rounds)
        ]
        runs = [processes.run_worker(__name__, task, one_core) for task in tasks]
        details[name] = runs
        seconds, iterations, rate = medians(runs, "seconds", "iterations", "user_steps_per_second")
        figures[f"training/{name}/user_steps_per_second"] = rate
        reached = all(run["reached"] for run in runs)
        if reached:
            figures[f"seconds_to_270/{name}"] = seconds
        text = f"{seconds:.1f}" if reached else "not reached"
        rows.append((name, text, f"{iterations:,.0f}", f"{rate:,.0f}"))
    if "seconds_to_270/all cores" in figures:
        figures["seconds_to_270"] = figures["seconds_to_270/all cores"]
    title = f"The quickstart's training to a return of {_RETURN:g}, wall time"
    return section(settings, title, rows, figures, {"seconds_to_270": (0, 30)}, details=details)


class Task(NamedTuple):
    """The task of a process that measures."""

    seed: int
    to_return: float  # of a session, by averaged weights
    max_iterations: int
    quick: bool


def timed(task: Task) -> dict[str, float | bool]:
    """Seconds of wall time, without those of evaluations, and iterations up to that return or the
    last iteration.
    """
    bindings = [f"experiment.seed = {task.seed}", *(_QUICK if task.quick else ())]
    config.load(["quickstart.gin"], bindings)
    seconds = -time.perf_counter()
    parts = Training()
    parts.loop.collect(_WARM_UP)
    evaluation = Evaluation(8 if task.quick else 2000, 3 if task.quick else 2000, seed=task.seed)
    evaluate = evaluation.evaluator("SlateQ", parts.simulator, parts.policy)
    iterations, last = 0, 0.0
    while last < task.to_return and iterations < task.max_iterations:
        parts.loop.run(_EVERY)
        seconds += time.perf_counter()
        iterations += _EVERY
        last = evaluate()["return"].value
        seconds -= time.perf_counter()
    seconds += time.perf_counter()
    return {
        "reached": last >= task.to_return,
        "seconds": seconds,
        "iterations": iterations,
        "user_steps_per_second": iterations * parts.loop.user_steps_per_iteration / seconds,
        "last_return": last,
    }
