"""What memory is worth: recurrent policies in engagement bait, whose users are hidden, and SlateQ
with a memory in interest exploration.
"""

import tempfile
from pathlib import Path

import numpy as np
import processes
import training_runs
from sections import Bar, Section, Settings

from recsim_tf.tables import text_table

# RecSim NG's demonstration trains as many iterations, of 1,000 users, in 64 to 70 CPU s.
_SHORT = {
    "num_users": 300,
    "num_iterations": 100,
    "num_steps": 100,
    "memory_units": 32,
    "learning_rate": 0.01,
    "entropy_regularization": 0.001,
    "anneals": True,
    "evaluation_users": 4000,
    "xla": True,
}
_LONG = {
    **_SHORT,
    "num_users": 1000,
    "num_iterations": 300,
    "entropy_regularization": 0.004,
}
_CONTROL = {
    **_SHORT,
    "num_users": 1000,
    "num_iterations": 150,
    "memory_units": 0,
    "learning_rate": 0.05,
    "anneals": False,
}
_QUICK = {"num_users": 4, "num_iterations": 2, "num_steps": 3, "evaluation_users": 4, "xla": False}
_SLATE_Q = training_runs.Row("interest_exploration/slate_q_memory.gin")
# Of UCB1 in interest exploration, by `recsim_agents.py`.
_UCB1 = 318.8


def measure(settings: Settings) -> Section:
    def trained(task, catalogue):
        task = {**task, "catalogue": catalogue, "seed": settings.seed}
        quick = _QUICK if settings.quick else {}
        return processes.run_worker("hidden_states.memory_worker", {**task, **quick}, True)

    runs = {f"gru_{catalogue}": trained(_SHORT, catalogue) for catalogue in range(3)}
    runs |= {"gru_300": trained(_LONG, 0), "control": trained(_CONTROL, 0)}
    with tempfile.TemporaryDirectory() as scratch:
        slate_q = training_runs.run(
            Path(scratch) / "slate_q",
            _SLATE_Q,
            settings.seed,
            settings.quick,
            ("train.warmup_iterations=45", "experiment.replay_length=45"),
        )
    short = [runs[f"gru_{catalogue}"]["seconds"] for catalogue in range(3)]
    figures = {f"memory.{name}": run["time"] for name, run in runs.items()}
    figures |= {f"memory.{name}_se": run["time_se"] for name, run in runs.items()}
    figures |= {
        "memory.seconds": max(short),
        "memory.slate_q_memory": slate_q["mean_return"],
        "memory.slate_q_memory_se": slate_q["standard_error"],
    }
    least = max(84.0, figures["memory.control"] + 3)
    bars = [
        *(
            Bar(f"memory.{name}", figures[f"memory.{name}"], 78.0, np.inf)
            for name in ("gru_0", "gru_1", "gru_2")
        ),
        Bar("memory.seconds", figures["memory.seconds"], 0.0, 40.0),
        Bar("memory.gru_300", figures["memory.gru_300"], least, np.inf),
        Bar("memory.slate_q_memory", figures["memory.slate_q_memory"], _UCB1, np.inf),
    ]
    lines = [
        "EngagementBait-v0, time watched in 100 steps, and SlateQ in interest exploration",
        *text_table(_rows(runs, slate_q)).splitlines(),
        *(bar.line(settings.quick) for bar in bars),
    ]
    return Section(figures, {"runs": runs}, lines)


def _rows(runs, slate_q) -> list[tuple[str, ...]]:
    rows = [("policy", "return", "CPU s")]
    for name, run in runs.items():
        rows.append((name, f"{run['time']:.2f} ± {run['time_se']:.2f}", f"{run['seconds']:.1f}"))
    shown = f"{slate_q['mean_return']:.1f} ± {slate_q['standard_error']:.1f}"
    return [*rows, ("SlateQ with a memory", shown, "")]
