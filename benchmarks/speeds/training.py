# SPDX-License-Identifier: Apache-2.0
"""Agents in training against RecSim's own agents, which take turns on one core.

Each iteration steps 1,024 users once, 2 of 10 candidates, and trains once on 8 replayed transitions
for each of these steps, which is the ratio of RecSim's neural agents (32 transitions every 4 steps;
its tabular agent learns from each transition once). Agents have their defaults, and networks of
RecSim's size (256, 32) where no other is named. "slate_q" is SlateQ as configs/quickstart.gin
trains it, on sequences, and "slate_q_one_step" is one-step Q-learning with a target network.
RecSim's neural agents have one network for all candidates. The learning loop is measured in graph
mode and under XLA.
"""

import functools
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import gin
import processes
from sections import Section, Settings, section
from speeds.common import NUM_CANDIDATES, medians

import recsim_tf
from recsim_tf.agents.full_slate_q import FullSlateQNetwork, create_full_slate_q
from recsim_tf.agents.slate_q import SlateQNetwork, create_slate_q
from recsim_tf.agents.tabular_q import create_tabular_q
from recsim_tf.training import Iteration, Training

_QUICKSTART = (
    "SlateQTargets.target = 'differential'",
    "SlateQTargets.td_lambda = 0.99",
    "Exploration.epsilon = 0.05",
    "Learning.average_tau = 0.01",
    "SlateQNetwork.items_see_user = False",
)
_ENGINES = {"graph mode": False, "XLA": True}
_SLATES = {"slate_size": 2, "num_candidates": NUM_CANDIDATES}
_REPLAYED = 8
_SIZES = {
    False: {"users": 1024, "replay_length": 20, "iterations": 10, "cpu_seconds": 8.0},
    True: {"users": 16, "replay_length": 3, "iterations": 2, "cpu_seconds": 0.01},
}
_RECSIM_SIZES = {
    False: {"seconds": 10, "min_replay_history": 500},
    True: {"seconds": 0.1, "min_replay_history": 50},
}


class _Row(NamedTuple):
    agent: str
    environment: str
    hidden_units: tuple[int, ...] = ()
    num_steps: int = 1
    bindings: tuple[str, ...] = ()


_ROWS = {
    "slate_q": _Row("slate_q", "InterestEvolution-v1", (256, 32), 100, _QUICKSTART),
    "slate_q_one_step": _Row("slate_q", "InterestEvolution-v1", (256, 32)),
    "tabular_q": _Row("tabular_q", "InterestExploration-v1"),
    "full_slate_q": _Row("full_slate_q", "InterestEvolution-v1", (256, 32)),
}


def measure(settings: Settings) -> Section:
    figures: dict[str, float] = {}
    details: dict[str, Any] = {}
    users = _SIZES[settings.quick]["users"]
    heads = ("env steps/CPU second", "train steps", "RecSim", "x RecSim")
    table = [("agent", "environment", "network", *heads)]
    line = ""
    for name in list(_ROWS)[:1] if settings.quick else _ROWS:
        row = _ROWS[name]
        ours, recsims = [], []
        for _ in range(settings.rounds):
            ours.append(processes.run_worker(__name__, _task(name, settings), True))
            recsim, line = processes.run_recsim(
                settings.recsim_python,
                agent=row.agent,
                environment=row.environment,
                **_SLATES,
                **_RECSIM_SIZES[settings.quick],
            )
            recsims += [recsim] if recsim else []
        details[name] = {"ours": ours, "recsim": recsims}
        rate, train_rate = medians(ours, "steps_per_cpu_second", "train_steps_per_cpu_second")
        figures |= {
            f"{name}/env_steps_per_cpu_second": rate,
            f"{name}/train_steps_per_cpu_second": train_rate,
        }
        comparison = ("", "")
        if recsims:
            (recsim_rate,) = medians(recsims, "steps_per_cpu_second")
            figures |= {
                f"{name}/recsim/env_steps_per_cpu_second": recsim_rate,
                _ratio_name(name): rate / recsim_rate,
            }
            comparison = (f"{recsim_rate:,.0f}", f"{rate / recsim_rate:.1f}")
        network = "-".join(map(str, row.hidden_units)) or "none"
        cells = (f"{rate:,.0f}", f"{train_rate:,.1f}", *comparison)
        table.append((name, row.environment, network, *cells))
    title = (
        f"Agents in training, {users:,} users, slates of 2 of {NUM_CANDIDATES}, {_REPLAYED}"
        f" replayed transitions a step, one core, median of {settings.rounds} rounds in turns"
    )
    # The line of a peer that is there tells its rate, which the table does.
    notes = [*([] if recsims else [line]), *_engines(settings, figures, details)]
    bars = {"slateq_vs_recsim": (60, math.inf)}
    return section(settings, title, table, figures, bars, notes, details, left=(0, 1, 2))


def _task(name: str, settings: Settings) -> dict[str, Any]:
    """The task of a row of the table."""
    sizes = {**_SLATES, **_SIZES[settings.quick], "replayed": _REPLAYED}
    return _ROWS[name]._asdict() | sizes


def _engines(settings: Settings, figures: dict[str, float], details: dict[str, Any]) -> list[str]:
    """The learning loop in graph mode and under XLA; a quick run does not compile."""
    if settings.quick:
        return []
    task = _task("slate_q", settings)
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in _ENGINES}
    for _ in range(settings.rounds):
        for name, xla in _ENGINES.items():
            runs[name].append(processes.run_worker(__name__, {**task, "xla": xla}, True))
    details["engines"] = runs
    cells, rates = [], {}
    for name, runs_of_engine in runs.items():
        rates[name], first = medians(runs_of_engine, "steps_per_cpu_second", "first_call_seconds")
        figures[f"slate_q/{name}/env_steps_per_cpu_second"] = rates[name]
        cells.append(f"{name} {rates[name]:,.0f} (first calls {first:.1f} s)")
    figures["loop_xla_vs_graph"] = rates["XLA"] / rates["graph mode"]
    return ["", "The learning loop of slate_q, env steps per CPU second: " + ", ".join(cells)]


def _ratio_name(row: str) -> str:
    return {"slate_q": "slateq_vs_recsim", "slate_q_one_step": "slateq_one_step_vs_recsim"}.get(
        row, f"{row}_vs_recsim"
    )


class Task(NamedTuple):
    """The task of a process that measures."""

    agent: str  # "slate_q", "tabular_q" or "full_slate_q"
    hidden_units: list[int]  # of the network, if the agent has one
    environment: str
    users: int
    slate_size: int
    num_candidates: int
    replayed: int  # transitions for each environment step
    replay_length: int  # steps of each user, besides those of a sequence
    iterations: int  # of one call
    cpu_seconds: float  # timed calls go on so long
    num_steps: int = 1  # transitions of a sequence that the agent learns from
    bindings: tuple[str, ...] = ()  # gin bindings of the agent
    xla: bool = False


def agent_of(task: Task) -> Callable:
    """The function that creates the agent with its defaults."""
    if task.agent == "slate_q":
        network = functools.partial(SlateQNetwork, hidden_units=task.hidden_units)
        return functools.partial(create_slate_q, network=network)
    if task.agent == "tabular_q":
        return create_tabular_q
    network = functools.partial(FullSlateQNetwork, hidden_units=task.hidden_units)
    return functools.partial(create_full_slate_q, network=network)


def timed(task: Task) -> dict[str, float]:
    """Rates of training, after a first call that compiles."""
    gin.parse_config(
        [
            *task.bindings,
            *([f"SlateQTargets.num_steps = {task.num_steps}"] if task.agent == "slate_q" else []),
        ]
    )
    sizes = {"slate_size": task.slate_size, "num_candidates": task.num_candidates}
    simulator = recsim_tf.make(task.environment, **sizes, validate=False)
    sequences = max(task.replayed * task.users // task.num_steps, 1)
    learning = Iteration(sequences, task.replay_length + task.num_steps, jit_compile=task.xla)
    loop = Training(simulator, agent_of(task), num_users=task.users, learning=learning).loop
    started = time.perf_counter()
    loop.collect(task.replay_length + task.num_steps)
    loop.run(1)
    first_call, calls = time.perf_counter() - started, 0
    cpu, wall = time.process_time(), time.perf_counter()
    while calls == 0 or time.process_time() - cpu < task.cpu_seconds:
        calls += 1
        loss = float(loop.run(task.iterations).loss)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    steps = calls * task.iterations * task.users
    return {
        "steps_per_cpu_second": steps / cpu,
        "steps_per_wall_second": steps / wall,
        "train_steps_per_cpu_second": calls * task.iterations / cpu,
        "first_call_seconds": first_call,
        "steps": steps,
        "loss": loss,
    }
