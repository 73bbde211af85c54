"""How fast agents are trained, against RecSim's own agents in training.

    python benchmarks/training.py --json=PATH [--recsim-python=PATH] [--agent=slate_q]

Each iteration steps 1,024 users once, 2 of 10 candidates, and trains once on 8 replayed transitions for each of these steps, which is
the ratio of RecSim's neural agents (32 transitions every 4 steps; its tabular agent learns from each transition once). Agents have their
defaults, and networks of RecSim's size (256, 32) where no other is named; "slate_q_sequences" is SlateQ as configs/quickstart.gin has it,
which learns from sequences and needs no values of next states. RecSim's neural agents have one network for all candidates. Speed is environment steps per second of CPU time on one core,
of calls that follow a first one, which compiles. Every figure of a run is from that run: a process of its own for each agent, and RecSim's
agent on the same core just before it, if `--recsim-python` is an interpreter that has RecSim 0.2.4.
"""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import processes
from absl import app, flags


class _Row(NamedTuple):
    agent: str
    environment: str
    hidden_units: tuple[int, ...] = ()
    num_steps: int = 1
    bindings: tuple[str, ...] = ()


_QUICKSTART = (
    "SlateQAgent.target = 'differential'",
    "SlateQAgent.td_lambda = 0.99",
    "SlateQAgent.epsilon = 0.05",
    "SlateQAgent.average_tau = 0.01",
    "SlateQNetwork.items_see_user = False",
)
_ROWS = {
    "slate_q": _Row("slate_q", "InterestEvolution-v1", (256, 32)),
    "slate_q_64_64": _Row("slate_q", "InterestEvolution-v1", (64, 64)),
    "slate_q_sequences": _Row("slate_q", "InterestEvolution-v1", (256, 32), 100, _QUICKSTART),
    "tabular_q": _Row("tabular_q", "InterestExploration-v1"),
    "full_slate_q": _Row("full_slate_q", "InterestEvolution-v1", (256, 32)),
}
_FLAGS = flags.FLAGS
flags.DEFINE_string("json", None, "File for the figures.")
flags.DEFINE_string("recsim_python", None, "A Python interpreter that has RecSim 0.2.4; without it there is no comparison.")
flags.DEFINE_bool("quick", False, "A smoke run with few users; its figures mean nothing.")
flags.DEFINE_multi_enum("agent", list(_ROWS), list(_ROWS), "What is trained; may be repeated.")
flags.DEFINE_alias("recsim-python", "recsim_python")

_SLATES = {"slate_size": 2, "num_candidates": 10}
_REPLAYED = 8
_SIZES = {
    False: {"users": 1024, "replay_length": 50, "iterations": 10, "cpu_seconds": 10.0},
    True: {"users": 32, "replay_length": 3, "iterations": 2, "cpu_seconds": 0.01},
}
_RECSIM_SIZES = {False: {"seconds": 20, "min_replay_history": 500}, True: {"seconds": 0.1, "min_replay_history": 50}}


def benchmark(names: Sequence[str], quick: bool, recsim_python: str | None) -> dict[str, Any]:
    """Runs everything; returns the result that goes into the JSON file, its figures by name."""
    result: dict[str, Any] = {"benchmark": "training", "quick": quick, "agents": list(names), "figures": {}, "details": {}, "recsim": {}}
    figures, details = result["figures"], result["details"]
    load_before = os.getloadavg()[0]
    for name in names:
        row = _ROWS[name]
        recsim, result["recsim"][name] = processes.run_recsim(
            recsim_python, "recsim_training.py", agent=row.agent, environment=row.environment, **_SLATES, **_RECSIM_SIZES[quick]
        )
        worker = processes.run_worker("training_worker.py", {**row._asdict(), **_SLATES, **_SIZES[quick], "replayed": _REPLAYED}, True)
        details[name] = worker
        for figure in ("steps_per_cpu_second", "steps_per_wall_second", "train_steps_per_cpu_second"):
            figures[f"{name}/{figure}"] = worker[figure]
        if recsim:
            details[f"{name}/recsim"] = recsim
            figures[f"{name}/recsim/steps_per_cpu_second"] = recsim["steps_per_cpu_second"]
            figures[f"{name}/times_recsim"] = worker["steps_per_cpu_second"] / recsim["steps_per_cpu_second"]
    result["machine"] = processes.machine(worker, load_before)
    return result


def table(result: dict[str, Any]) -> str:
    """The result for a person."""
    figures, quick = result["figures"], result["quick"]
    users, slates = _SIZES[quick]["users"], "slates of {slate_size} of {num_candidates}".format(**_SLATES)
    lines = [
        f"Agents in training, {users:,} users, {slates}, {_REPLAYED} replayed transitions a step, one core",
        processes.machine_line(result["machine"]),
        "",
        f"{'agent':<17} {'environment':<22} {'network':<10} {'steps a CPU second':>18} {'RecSim':>7} {'x RecSim':>9}",
    ]
    for name in result["agents"]:
        row = _ROWS[name]
        network = "-".join(map(str, row.hidden_units)) or "none"
        recsim = figures.get(f"{name}/recsim/steps_per_cpu_second")
        comparison = "" if recsim is None else f"{recsim:>7,.0f} {figures[f'{name}/times_recsim']:>9.1f}"
        rate = figures[f"{name}/steps_per_cpu_second"]
        lines.append(f"{name:<17} {row.environment:<22} {network:<10} {rate:>18,.0f} {comparison}".rstrip())
    if recsim is None:
        lines += ["", result["recsim"][name]]
    return "\n".join([*lines, "", *processes.load_lines(result["machine"], quick)])


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
    names = list(dict.fromkeys(_FLAGS.agent))
    result = benchmark(names, _FLAGS.quick, _FLAGS.recsim_python)
    command = ["python benchmarks/training.py", "--json=PATH"]
    command += ["--recsim-python=PYTHON"] if _FLAGS.recsim_python else []
    command += [f"--agent={name}" for name in names] if len(names) < len(_ROWS) else []
    command += ["--quick"] if _FLAGS.quick else []
    print(table(result))
    processes.write(_FLAGS.json, command, result)


if __name__ == "__main__":
    app.run(main)
