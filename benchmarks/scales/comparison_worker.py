"""A comparison of values and the runs of each, timed, in a process of `benchmarks/worker.py`."""

import time
from typing import Any, NamedTuple

import numpy as np

import recsim_tf
from recsim_tf.experiment.evaluation.evaluation import Evaluation
from recsim_tf.policies import baseline_policy

_PARAMETER = "users.choice_model.no_click_mass"


class Task(NamedTuple):
    """What the process measures."""

    values: int
    users: int  # of each value
    max_steps: int
    rounds: int
    xla: bool


def measure(task: Task) -> dict:
    """Seconds of both ways, round by round."""
    values = tuple(np.linspace(0.5, 2.0, task.values).tolist())
    sizes = {"num_users": task.users, "max_steps": task.max_steps, "jit_compile": task.xla}
    evaluation = Evaluation(compare={_PARAMETER: values}, **sizes)
    comparison = evaluation.comparison
    simulator = comparison.simulator(recsim_tf.interest_evolution())
    policy = baseline_policy("random", simulator)
    together = evaluation.comparison_evaluator(comparison, "random", simulator, policy)
    alone = [_alone(value, sizes) for value in values]
    first = [_timed(lambda: [evaluate() for evaluate in alone]), _timed(together)]
    seconds: dict[str, list[float]] = {"alone": [], "together": []}
    for _ in range(task.rounds):
        seconds["alone"].append(_timed(lambda: [evaluate() for evaluate in alone]))
        seconds["together"].append(_timed(together))
    pairs = zip(together(), (evaluate() for evaluate in alone), strict=True)
    same = all(np.array_equal(a.sessions.steps, b.sessions.steps) for a, b in pairs)
    return {**seconds, "alone_first": first[0], "together_first": first[1], "same": same}


def _alone(value: float, sizes: dict[str, Any]):
    simulator = recsim_tf.interest_evolution().with_parameters({_PARAMETER: value})
    return Evaluation(**sizes).evaluator("random", simulator, baseline_policy("random", simulator))


def _timed(function) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started
