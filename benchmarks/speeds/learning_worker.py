"""The quickstart's training up to a mean return, timed, in a process of `benchmarks/worker.py`."""

import time
from typing import NamedTuple

from recsim_tf.experiment import config
from recsim_tf.experiment.evaluation.evaluation import Evaluation
from recsim_tf.experiment.training.parts import experiment

_WARM_UP, _EVERY = 120, 50
_QUICK = (
    "experiment.num_users = 8",
    "experiment.batch_size = 2",
    "experiment.replay_length = 5",
    "SlateQTargets.num_steps = 3",
)


class Task(NamedTuple):
    """What one process measures."""

    seed: int
    to_return: float  # of a session, by averaged weights
    max_iterations: int
    quick: bool


def measure(task: Task) -> dict[str, float | bool]:
    """Seconds of wall time, without those of evaluations, and iterations up to that return or the
    last iteration.
    """
    bindings = [f"experiment.seed = {task.seed}", *(_QUICK if task.quick else ())]
    config.load(["quickstart.gin"], bindings)
    seconds = -time.perf_counter()
    parts = experiment()
    parts.loop.collect(_WARM_UP)
    evaluation = Evaluation(8 if task.quick else 2000, 3 if task.quick else 2000, seed=task.seed)
    evaluate = evaluation.evaluator("SlateQ", parts.simulator, parts.policy)
    iterations, last = 0, 0.0
    while last < task.to_return and iterations < task.max_iterations:
        parts.loop.run(_EVERY)
        seconds += time.perf_counter()
        iterations += _EVERY
        last = evaluate().mean_return
        seconds -= time.perf_counter()
    seconds += time.perf_counter()
    return {
        "reached": last >= task.to_return,
        "seconds": seconds,
        "iterations": iterations,
        "user_steps_per_second": iterations * parts.loop.user_steps_per_iteration / seconds,
        "last_return": last,
    }
