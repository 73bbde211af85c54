"""Agents in training against RecSim's own agents, which take turns on one core.

Each iteration steps 1,024 users once, 2 of 10 candidates, and trains once on 8 replayed transitions
for each of these steps, which is the ratio of RecSim's neural agents (32 transitions every 4 steps;
its tabular agent learns from each transition once). Agents have their defaults, and networks of
RecSim's size (256, 32) where no other is named. "slate_q" is SlateQ as configs/quickstart.gin
trains it, on sequences, and "slate_q_one_step" is one-step Q-learning with a target network.
RecSim's neural agents have one network for all candidates. The learning loop is measured in graph
mode, under XLA, and with TF-Agents' driver and replay buffer, which is its reference.
"""

import statistics
from typing import Any, NamedTuple

import processes
from speeds.common import NUM_CANDIDATES, Section, Settings

from recsim_tf.tables import text_table


class _Row(NamedTuple):
    agent: str
    environment: str
    hidden_units: tuple[int, ...] = ()
    num_steps: int = 1
    bindings: tuple[str, ...] = ()


_QUICKSTART = (
    "SlateQTargets.target = 'differential'",
    "SlateQTargets.td_lambda = 0.99",
    "Exploration.epsilon = 0.05",
    "SlateQAgent.average_tau = 0.01",
    "SlateQNetwork.items_see_user = False",
)
_ROWS = {
    "slate_q": _Row("slate_q", "InterestEvolution-v1", (256, 32), 100, _QUICKSTART),
    "slate_q_one_step": _Row("slate_q", "InterestEvolution-v1", (256, 32)),
    "tabular_q": _Row("tabular_q", "InterestExploration-v1"),
    "full_slate_q": _Row("full_slate_q", "InterestEvolution-v1", (256, 32)),
}
_ENGINES = {"direct": "graph mode", "xla": "XLA", "driver": "TF-Agents' driver"}
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


def measure(settings: Settings) -> Section:
    figures: dict[str, float] = {}
    details: dict[str, Any] = {}
    users = _SIZES[settings.quick]["users"]
    heads = ("env steps/CPU second", "train steps", "RecSim", "x RecSim")
    table = [("agent", "environment", "network", *heads)]
    line = ""
    for name in list(_ROWS)[:1] if settings.quick else _ROWS:
        row = _ROWS[name]
        task = {**row._asdict(), **_SLATES, **_SIZES[settings.quick], "replayed": _REPLAYED}
        ours, recsims = [], []
        for _ in range(settings.rounds):
            ours.append(processes.run_worker("speeds.training_worker", task, True))
            recsim, line = processes.run_recsim(
                settings.recsim,
                "recsim_training.py",
                agent=row.agent,
                environment=row.environment,
                **_SLATES,
                **_RECSIM_SIZES[settings.quick],
            )
            recsims += [recsim] if recsim else []
        details[name] = {"ours": ours, "recsim": recsims}
        rate, train_rate = (
            statistics.median(found[figure] for found in ours)
            for figure in ("steps_per_cpu_second", "train_steps_per_cpu_second")
        )
        figures |= {
            f"{name}/env_steps_per_cpu_second": rate,
            f"{name}/train_steps_per_cpu_second": train_rate,
        }
        comparison = ("", "")
        if recsims:
            other = statistics.median(found["steps_per_cpu_second"] for found in recsims)
            figures |= {
                f"{name}/recsim/env_steps_per_cpu_second": other,
                _ratio_name(name): rate / other,
            }
            comparison = (f"{other:,.0f}", f"{rate / other:.1f}")
        network = "-".join(map(str, row.hidden_units)) or "none"
        cells = (f"{rate:,.0f}", f"{train_rate:,.1f}", *comparison)
        table.append((name, row.environment, network, *cells))
    lines = [
        (
            f"Agents in training, {users:,} users, slates of 2 of {NUM_CANDIDATES}, {_REPLAYED}"
            f" replayed transitions a step, one core, median of {settings.rounds} rounds in turns"
        ),
        *text_table(table, left=(0, 1, 2)).splitlines(),
        # The line of a peer that is there tells its rate, which the table does.
        *([] if recsims else [line]),
        "",
        *_engines(settings, figures, details),
    ]
    return Section(figures, details, lines)


def _engines(settings: Settings, figures: dict[str, float], details: dict[str, Any]) -> list[str]:
    """The learning loop against its reference."""
    task = {
        **_ROWS["slate_q"]._asdict(),
        **_SLATES,
        **_SIZES[settings.quick],
        "replayed": _REPLAYED,
    }
    engines = [engine for engine in _ENGINES if not (settings.quick and engine == "xla")]
    runs: dict[str, list[dict[str, Any]]] = {engine: [] for engine in engines}
    for _ in range(settings.rounds):
        for engine in engines:
            runs[engine].append(
                processes.run_worker("speeds.training_worker", {**task, "engine": engine}, True)
            )
    details["engines"] = runs
    rates = {
        engine: statistics.median(run["steps_per_cpu_second"] for run in found)
        for engine, found in runs.items()
    }
    first = {
        engine: statistics.median(run["first_call_seconds"] for run in found)
        for engine, found in runs.items()
    }
    figures |= {
        f"slate_q/{engine}/env_steps_per_cpu_second": rate for engine, rate in rates.items()
    }
    figures["loop_vs_driver"] = rates["direct"] / rates["driver"]
    if "xla" in rates:
        figures["loop_xla_vs_graph"] = rates["xla"] / rates["direct"]
    cells = [
        f"{_ENGINES[engine]} {rates[engine]:,.0f} (first calls {first[engine]:.1f} s)"
        for engine in engines
    ]
    return ["The learning loop of slate_q, env steps per CPU second: " + ", ".join(cells)]


def _ratio_name(row: str) -> str:
    return {"slate_q": "slateq_vs_recsim", "slate_q_one_step": "slateq_one_step_vs_recsim"}.get(
        row, f"{row}_vs_recsim"
    )
