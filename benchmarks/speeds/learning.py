# SPDX-License-Identifier: Apache-2.0
"""The quickstart's training, on one core in graph mode and under XLA, in turns with the same
training in JAX, and on all cores.

`peers/jax_slateq.py` trains as configs/quickstart.gin does, as a user of JAX writes it and with
every trick that was found. Each program has a process of its own, and one clock, see
`peers/learning_clock.py`. The quickstart's environment has slates of 3 of 10, of which its oracle
earns 280. Beside it SlateQ of one step trains from newest frames, and with a replay and a target
network, by eight replayed transitions of each user step.
"""

import functools
import math
import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

import processes
from peers import learning_clock
from peers.learning_clock import Plan
from sections import Section, Settings, section
from speeds.common import medians

from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.experiment import config
from recsim_tf.training import Training

_PLANS = {
    False: Plan(iterations=1000, chunk=25),
    True: Plan(iterations=3, chunk=1, curve_sessions=8, sessions=8),
}
_QUICK = (
    "experiment.num_users = 8",
    "Iteration.batch_size = 2",
    "Iteration.replay_length = 5",
    "SlateQTargets.num_steps = 3",
)
_ONE_STEP = "interest_evolution/slate_q_one_step.gin"
_ONE_STEP_PLAN = Plan(iterations=600, chunk=100, to_return=0.0)
_WARM_UP = 120
_COMPILED = ("Iteration.jit_compile = True",)
_MAX_STEPS = {False: 2000, True: 3}
_ONE_CORE, _XLA, _ALL_CORES = "recsim_tf", "recsim_tf, XLA", "recsim_tf, all cores"
_NEWEST, _REPLAYED = "one step, newest frames", "one step, replayed"
_REINFORCE, _REINFORCE_XLA = "REINFORCE", "REINFORCE, XLA"
_REINFORCE_TASK = {
    "config_file": "interest_evolution/reinforce.gin",
    "plan": Plan(iterations=150, chunk=50, to_return=0.0),
}
# What the task of each program has beside the seed and the plan; its name says whether it has one
# core.
_PROGRAMS: dict[str, dict[str, Any]] = {
    _ONE_CORE: {},
    _XLA: {"bindings": _COMPILED},
    _NEWEST: {"config_file": _ONE_STEP, "plan": _ONE_STEP_PLAN},
    _REPLAYED: {
        "config_file": _ONE_STEP,
        "plan": _ONE_STEP_PLAN._replace(iterations=101, sessions=0),
        "bindings": (
            "Iteration.batch_size = 4096",
            "SlateQTargets.update_tau = 0.01",
        ),
    },
    _REINFORCE: _REINFORCE_TASK,
    _REINFORCE_XLA: {**_REINFORCE_TASK, "bindings": _COMPILED},
    _ALL_CORES: {},
}
_STYLES = ("tuned", "idiomatic")
# The scripts of the peers, by the programs whose users, sequences and plan they have.
_PEERS = {
    _ONE_CORE: ("JAX", "jax_slateq.py"),
    _REINFORCE: ("REINFORCE in JAX", "jax_reinforce.py"),
}
_HEADS = (
    "",
    "user steps a CPU second",
    "a second",
    "start, CPU s",
    "training to 270, CPU s",
    "both",
    "iterations",
    "return at the end",
    "MB",
)
_BARS = {
    "learning.vs_jax_tuned": (1.2, math.inf),
    "learning.two_cores": (1.7, math.inf),
    "learning.return": (279, math.inf),
    "learning.seconds_to_270": (0, 6),
    "learning.training_seconds_to_270": (0, 1.5),
    "learning.peak_mb": (0, 900),
    "learning.one_step_ratio": (3, math.inf),
    "learning.one_step_return": (174, math.inf),
}


def measure(settings: Settings) -> Section:
    """Each round has a seed. `learning.vs_jax_...` are ratios of user steps a CPU second with
    learning, on one core and under XLA, which compiles the peers too. The other figures are of
    graph mode, which the quickstart has: `learning.seconds_to_270` are CPU seconds from the start
    of the process to a return of 270 and are left out where a seed does not get there, as those of
    its training alone; `learning.two_cores` is the rate on all cores over that on one, by wall
    time; `learning.xla` is the rate under XLA over the rate in graph mode. `learning.return` is a
    mean over the rounds, the others are of medians. `learning.one_step_...` are of SlateQ of one
    step from newest frames, `learning.one_step_ratio` over its rate with a replay.
    `learning.reinforce_vs_jax` is under XLA, over the tuned peer.
    """
    plan = _PLANS[settings.quick]
    # A quick run does not compile, and has a single training.
    programs = [_ONE_CORE, _ALL_CORES] if settings.quick else list(_PROGRAMS)
    runs: dict[str, list[dict[str, Any]]] = {}
    lines: list[str] = []
    for seed in range(settings.rounds):
        for name in programs:
            task = {"seed": seed, "quick": settings.quick, "plan": plan, **_PROGRAMS[name]}
            ours = processes.run_worker(__name__, task, name != _ALL_CORES)
            runs.setdefault(name, []).append(ours)
            for style in _STYLES if name in _PEERS else ():
                peer_name, script = _PEERS[name]
                peer, line = processes.run_peer(
                    "JAX",
                    "jax-python",
                    settings.jax_python,
                    script,
                    style=style,
                    seed=seed,
                    users=ours["users"],
                    batch=ours["batch"] or 0,
                    **task["plan"]._asdict(),
                )
                if peer:
                    runs.setdefault(f"{peer_name}, {style}", []).append(peer)
                else:
                    lines.append(line)
    title = (
        f"The quickstart's training of {plan.iterations:,} iterations, one core where nothing else"
        f" is said, median of {settings.rounds} seeds in turns"
    )
    rows = [_HEADS, *(_row(name, of_program) for name, of_program in runs.items())]
    notes = list(dict.fromkeys(lines))
    return section(settings, title, rows, _figures(runs), _BARS, notes, details=runs)


def _figures(runs: dict[str, list[dict[str, Any]]]) -> dict[str, float]:
    rates = {
        name: medians(of_program, "user_steps_per_cpu_second", "user_steps_per_wall_second")
        for name, of_program in runs.items()
    }
    figures = {
        f"learning/{name}/user_steps_per_cpu_second": rate for name, (rate, _) in rates.items()
    }
    if _NEWEST in rates:
        figures["learning.one_step_ratio"] = rates[_NEWEST][0] / rates[_REPLAYED][0]
        figures["learning.one_step_return"] = _mean_return(runs[_NEWEST])
    if _REINFORCE_XLA in rates:
        figures["learning.reinforce_return"] = _mean_return(runs[_REINFORCE_XLA])
        for style, name in (("tuned", "vs_jax"), ("idiomatic", "vs_jax_idiomatic")):
            if peers := runs.get(f"REINFORCE in JAX, {style}"):
                ratio = rates[_REINFORCE_XLA][0] / rates[f"REINFORCE in JAX, {style}"][0]
                figures[f"learning.reinforce_{name}"] = ratio
                figures[f"learning.reinforce_return_{style}"] = _mean_return(peers)
    if _XLA in rates:
        figures["learning.xla"] = rates[_XLA][0] / rates[_ONE_CORE][0]
        for style in _STYLES:
            if f"JAX, {style}" in rates:
                ratio = rates[_XLA][0] / rates[f"JAX, {style}"][0]
                figures[f"learning.vs_jax_{style}"] = ratio
    ours = runs[_ONE_CORE]
    figures["learning.two_cores"] = rates[_ALL_CORES][1] / rates[_ONE_CORE][1]
    figures["learning.return"] = _mean_return(ours)
    figures["learning.peak_mb"] = medians(ours, "peak_mb")[0]
    if reached := _reached(ours):
        seconds = medians(reached, "cpu_seconds", "training_cpu_seconds")
        figures["learning.seconds_to_270"], figures["learning.training_seconds_to_270"] = seconds
    return figures


def _mean_return(runs: Sequence[dict[str, Any]]) -> float:
    return statistics.mean(run["return"] for run in runs)


def _reached(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The evaluations that reached 270, one of each run, or none if a run did not get there."""
    reached = [run["reached"] for run in runs]
    return reached if all(reached) else []


def _row(name: str, runs: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    rate, wall_rate, start, peak = medians(
        runs,
        "user_steps_per_cpu_second",
        "user_steps_per_wall_second",
        "start_cpu_seconds",
        "peak_mb",
    )
    to_return = ("not reached", "", "")
    if name in (_NEWEST, _REPLAYED) or _REINFORCE in name:
        to_return = ("", "", "")
    elif reached := _reached(runs):
        names = ("training_cpu_seconds", "cpu_seconds", "iterations")
        training, both, iterations = medians(reached, *names)
        to_return = (f"{training:.2f}", f"{both:.1f}", f"{iterations:,.0f}")
    at_end = "" if runs[0]["return"] is None else f"{_mean_return(runs):.1f}"
    rates = (f"{rate:,.0f}", f"{wall_rate:,.0f}")
    return (name, *rates, f"{start:.1f}", *to_return, at_end, f"{peak:,.0f}")


class Task(NamedTuple):
    """The task of a process that measures."""

    seed: int
    quick: bool
    plan: Sequence[float]  # the fields of a `Plan`
    config_file: str = "quickstart.gin"
    bindings: Sequence[str] = ()


def timed(task: Task) -> dict[str, Any]:
    """What `learning_clock.measure` tells of a training, with the users and the sequences of a
    train step.
    """
    training: Any = None

    def advance(number: int) -> int:
        nonlocal training
        if training is None:
            bindings = (
                f"experiment.seed = {task.seed}",
                *task.bindings,
                *(_QUICK if task.quick else ()),
            )
            config.load([task.config_file], bindings)
            training = Training()
            training.collect(_WARM_UP)
        training.advance(number)
        return number * training.loop.user_steps_per_iteration

    @functools.cache
    def evaluator(num_sessions: int):
        evaluation = Evaluation(num_sessions, _MAX_STEPS[task.quick], seed=task.seed)
        return evaluation.evaluator("SlateQ", training.simulator, training.policy)

    def evaluate(num_sessions: int) -> float:
        return float(evaluator(num_sessions)()["return"].value)

    figures = learning_clock.measure(Plan(*task.plan), advance, evaluate)
    sizes = {"users": training.loop.num_users, "batch": training.loop.learning.batch_size}
    return {**figures, **sizes}
