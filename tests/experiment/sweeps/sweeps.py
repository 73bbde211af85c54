# SPDX-License-Identifier: Apache-2.0
"""Sweeps of the tiny configuration."""

import json
from pathlib import Path

from recsim_tf.experiment.sweeps.plan import Sweep, plan
from recsim_tf.experiment.sweeps.spaces import Bindings
from recsim_tf.experiment.sweeps.sweep_folder import Shard, SweepDirectory
from recsim_tf.experiment.sweeps.trial import Trial, TrialFiles
from recsim_tf.support.files import write_text
from tests.experiment.tiny_runs import TINY


def plan_tiny(*variants: Bindings, seeds=(0,), gin_bindings=()) -> list[Trial]:
    """The trials of a sweep over the tiny configuration."""
    return plan(Sweep(variants, (TINY,), gin_bindings, seeds, num_processes=1, threads_per_trial=1))


def sweep_file(folder: Path, *variants: str, more: str = "") -> str:
    """Writes a sweep of the tiny configuration with variants, which gin reads."""
    file = folder / "sweep.gin"
    file.write_text(
        f"sweep.gin_files = ({TINY!r},)\nsweep.trials = @listed()\n"
        f"listed.trials = ({', '.join(variants)},)\n{more}"
    )
    return str(file)


def claim(folder: SweepDirectory) -> None:
    """Makes the folder, as a sweep that was killed before its first trial leaves it."""
    with folder.claim(Shard()):
        pass


def finish(
    files: TrialFiles, config: str, mean_return: float, used: str = "", own: dict | None = None
) -> None:
    """Writes by hand what a finished trial leaves; `own` has measures and segments."""
    files.prepare(config)
    files.run.mkdir(parents=True)
    write_text(files.run / "config.gin", config)
    write_text(files.run / "operative_config.gin", used)
    rows = [
        {
            "iteration": i,
            "env_steps": 16 * i,
            "AverageEpisodeRewards/eval": mean_return * i / 40,
            "StandardError/eval": 1.0,
        }
        for i in (0, 20, 40)
    ]
    write_text(files.run / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    agent = {
        "mean_return": mean_return,
        "standard_error": 0.5,
        "mean_length": 60.0,
        "click_rate": 0.5,
        "mean_quality": None,
        **(own or {}),
    }
    content = {
        "policies": [
            {"name": "Random", "mean_return": 3.0, "standard_error": 0.5},
            {"name": "SlateQ", **agent},
        ],
        "train": {"iterations": files.num_iterations, "env_steps": 640, "seconds": 2.0},
    }
    write_text(files.run / "results.json", json.dumps(content))


def rows_without_times(root: Path) -> list[dict]:
    """The trials of sweep.json."""
    return [
        {**row, "seconds": None} for row in json.loads((root / "sweep.json").read_text())["trials"]
    ]
