"""Trainings of REINFORCE in one program against the same ones one after the other, on one core.

A training steps its users 20 times in an iteration and learns from these steps once. A run is 20
iterations, with 10 steps of all users before them. "small" has 8 users and a network of 16 units,
where graph mode spends most of its time on the start of operations, which the trainings of one
program share. "usual" has 64 users and two layers of 64 units, where it spends most on products of
matrices, which it must compute for each training. XLA starts no operations one by one, so a
program of many trainings saves its compilations only.

`population.ratio` is of whole runs in graph mode, of trainings that are already compiled;
`with_compilation` counts the making and the compilation of every training too, but no start of a
process. `population.difference` is the largest difference between the mean return of a training's
sessions in one program and by itself, relative to the latter.
"""

import math
import time
from typing import Any, NamedTuple

import processes
from sections import Section, Settings, section
from speeds.common import medians

from recsim_tf.experiment import config
from recsim_tf.experiment.training.parts import Experiment, experiment
from recsim_tf.experiment.training.population_loop import PopulationLoop

_WARM_UP = 10
_RETURN = "AverageEpisodeRewards/train"
_SIZES = {
    "small": {"users": 8, "hidden_units": [16]},
    "usual": {"users": 64, "hidden_units": [64, 64]},
}
_NUMBERS = {
    False: {"members": 16, "iterations": 20, "num_steps": 20},
    True: {"members": 2, "iterations": 8, "num_steps": 12},
}
# Trainings by themselves that XLA compiles, which takes long; the others take as long.
_SINGLES_OF_XLA = 2


def measure(settings: Settings) -> Section:
    numbers = _NUMBERS[settings.quick]
    members = numbers["members"]
    figures: dict[str, float] = {}
    details: dict[str, Any] = {}
    heads = ("CPU s each", "in one program", "ratio", "with compilation", "difference")
    table = [("training", "engine", *heads)]
    for size, xla in [("small", False)] if settings.quick else _rows():
        engine = "XLA" if xla else "graph mode"
        singles = min(members, _SINGLES_OF_XLA) if xla else members
        task = {**_SIZES[size], **numbers, "singles": singles, "xla": xla}
        runs = [processes.run_worker(__name__, task, True) for _ in range(settings.rounds)]
        name = "population" if (size, xla) == ("small", False) else f"population/{size}/{engine}"
        details[f"{size}/{engine}"] = runs
        single, together, ratio, compiled, difference = medians(
            runs, "single_seconds", "seconds", "ratio", "ratio_with_compilation", "difference"
        )
        figures |= {
            f"{name}.ratio": ratio,
            f"{name}.with_compilation": compiled,
            f"{name}.difference": difference,
        }
        cells = (f"{single:.3f}", f"{together / members:.3f}", f"{ratio:.2f}", f"{compiled:.1f}")
        table.append((size, engine, *cells, f"{difference:.1e}"))
    title = (
        f"{members} trainings of REINFORCE in one program, {numbers['iterations']} iterations, one"
        f" core, median of {settings.rounds} rounds"
    )
    bars = {"population.ratio": (3.0, math.inf), "population.difference": (0.0, 1e-4)}
    return section(settings, title, table, figures, bars, details=details, left=(0, 1))


def _rows() -> list[tuple[str, bool]]:
    return [(size, xla) for size in _SIZES for xla in (False, True)]


class Task(NamedTuple):
    """The task of a process that measures."""

    users: int
    hidden_units: list[int]
    members: int
    singles: int  # trainings that are run by themselves too
    iterations: int
    num_steps: int  # of an iteration
    xla: bool


def timed(task: Task) -> dict[str, float]:
    """CPU seconds of a training by itself and of all in one program, and their ratio."""
    alone = [_alone(task, seed) for seed in range(task.singles)]
    made = time.process_time()
    parts = [_parts(task, seed) for seed in range(task.members)]
    population = PopulationLoop([part.loop for part in parts])
    compiled, seconds = _run(population, task.iterations, made)
    population.store()
    returns = [part.loop.metrics.read_and_clear(1.0)[_RETURN] for part in parts]
    single_compiled, single_seconds, single_returns = zip(*alone, strict=True)
    mean, mean_compiled = (
        sum(values) / task.singles for values in (single_seconds, single_compiled)
    )
    return {
        "single_seconds": mean,
        "seconds": seconds,
        "single_compilation_seconds": mean_compiled,
        "compilation_seconds": compiled,
        "ratio": task.members * mean / seconds,
        "ratio_with_compilation": task.members * (mean + mean_compiled) / (seconds + compiled),
        "difference": max(
            abs(value / single - 1) for value, single in zip(returns, single_returns, strict=False)
        ),
    }


def _alone(task: Task, seed: int) -> tuple[float, float, float]:
    """Seconds to make and compile a training, seconds of its run, and its mean return."""
    made = time.process_time()
    parts = _parts(task, seed)
    compiled, seconds = _run(parts.loop, task.iterations, made)
    return compiled, seconds, parts.loop.metrics.read_and_clear(1.0)[_RETURN]


def _run(loop: Any, iterations: int, made: float) -> tuple[float, float]:
    """Seconds until a loop is compiled, from the time when it was made, and seconds of its run."""
    loop.collect(0)
    compiled = time.process_time()
    loop.collect(_WARM_UP)
    seconds = time.process_time() - compiled
    before = time.process_time()
    loop.run(0)
    started = time.process_time()
    loop.run(iterations)
    return compiled - made + started - before, seconds + time.process_time() - started


def _parts(task: Task, seed: int) -> Experiment:
    hidden_units = tuple(task.hidden_units)
    config.load(
        ["interest_evolution/reinforce.gin"],
        [
            f"experiment.seed = {seed}",
            f"experiment.num_users = {task.users}",
            f"SlatePolicyNetwork.hidden_units = {hidden_units}",
            f"StateValueNetwork.hidden_units = {hidden_units}",
            f"LambdaReturns.num_steps = {task.num_steps}",
            f"Iteration.collect_steps = {task.num_steps}",
            f"Iteration.replay_length = {task.num_steps + 1}",
            f"Iteration.jit_compile = {task.xla}",
        ],
    )
    return experiment()
