"""Values of a parameter side by side on the user axis against as many runs of one value each,
start-up and tracing excluded.

Both ways in graph mode, in which `simulate` and `evaluate` run on a CPU, and under XLA, whose
compiling takes longer than it saves here.
"""

import statistics
import time
from typing import Any, NamedTuple

import numpy as np
import processes
from sections import Section, Settings, section

import recsim_tf
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.policies import baseline_policy

_SIZES = {
    False: {"values": 16, "users": 256, "max_steps": 2000},
    True: {"values": 2, "users": 4, "max_steps": 5},
}
_MODES = {"graph": "graph mode", "xla": "XLA"}
_PARAMETER = "users.choice_model.no_click_mass"


def measure(settings: Settings) -> Section:
    size = _SIZES[settings.quick]
    rounds = 2 * settings.rounds + 1
    rows = [("", "at once", "one by one", "times")]
    figures: dict[str, float] = {}
    details = {}
    for mode, text in _MODES.items():
        task = {**size, "rounds": rounds, "xla": mode == "xla"}
        (found,) = processes.run_workers(__name__, [task], [[0]], [{}])
        if not found["same"]:
            raise RuntimeError(
                "the sessions of a value at once with others are not those of the value alone"
            )
        together, alone = statistics.median(found["together"]), statistics.median(found["alone"])
        first_together, first_alone = (
            found["together_first"] + together,
            found["alone_first"] + alone,
        )
        figures |= {
            f"comparison/{mode}/at_once_seconds": together,
            f"comparison/{mode}/one_by_one_seconds": alone,
        }
        figures |= {
            f"comparison_vs_runs/{mode}": alone / together,
            f"comparison_vs_runs/{mode}_with_tracing": first_alone / first_together,
        }
        details[mode] = found
        rows += [
            (name, f"{at_once:.3f}", f"{one_by_one:.3f}", f"{one_by_one / at_once:.1f}")
            for name, at_once, one_by_one in (
                (text, together, alone),
                (f"{text}, with first calls", first_together, first_alone),
            )
        ]
    figures["comparison_vs_runs"] = figures["comparison_vs_runs/graph"]
    figures["comparison_xla_vs_graph_runs"] = (
        figures["comparison/graph/one_by_one_seconds"] / figures["comparison/xla/at_once_seconds"]
    )
    title = (
        f"{size['values']} values of {size['users']} users each, interest evolution, random"
        f" slates, sessions to their ends, one core, median of {rounds} rounds in turns, seconds"
    )
    notes = [
        "First calls trace or compile.",
        f"At once under XLA is {figures['comparison_xla_vs_graph_runs']:.1f} times as fast as one"
        " by one in graph mode.",
    ]
    return section(
        settings, title, rows, figures, {"comparison_vs_runs": (3, np.inf)}, notes, details
    )


class Task(NamedTuple):
    """What the process measures."""

    values: int
    users: int  # of each value
    max_steps: int
    rounds: int
    xla: bool


def timed(task: Task) -> dict:
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
    same = all(np.array_equal(a.sessions["steps"], b.sessions["steps"]) for a, b in pairs)
    return {**seconds, "alone_first": first[0], "together_first": first[1], "same": same}


def _alone(value: float, sizes: dict[str, Any]):
    simulator = recsim_tf.interest_evolution().with_parameters({_PARAMETER: value})
    return Evaluation(**sizes).evaluator("random", simulator, baseline_policy("random", simulator))


def _timed(function) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started
