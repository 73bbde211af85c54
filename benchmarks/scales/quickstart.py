"""The quickstart's result on one device, on two logical devices and by two processes: three runs of
the command.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import processes
from sections import Section, Settings, section

_QUICK = (
    "train.num_iterations=2",
    "train.warmup_iterations=2",
    "experiment.num_users=16",
    "Iteration.batch_size=4",
    "Iteration.replay_length=4",
    "SlateQTargets.num_steps=2",
    "Evaluation.num_users=16",
    "train.eval_users=16",
)
_STRATEGIES = {
    "default": ("one device", ()),
    "mirrored": ("two logical devices", ("devices.strategy='mirrored'", "devices.logical_cpus=2")),
    "multi_worker": ("two processes", ("devices.strategy='multi_worker'",)),
}


def measure(settings: Settings) -> Section:
    figures: dict[str, float] = {}
    details: dict[str, Any] = {}
    rows = [("", "return", "oracle", "seconds of training", "in all")]
    for name, (text, bindings) in _STRATEGIES.items():
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            _train(
                Path(folder) / "run",
                bindings + (_QUICK if settings.quick else ()),
                2 if name == "multi_worker" else 1,
            )
            results = json.loads((Path(folder) / "run" / "results.json").read_text())
        *_, oracle, agent = results["policies"]
        seconds = time.perf_counter() - started
        details[name] = {"agent": agent, "train": results["train"], "seconds": seconds}
        figures[f"quickstart/{name}"] = agent["mean_return"]
        figures[f"quickstart/{name}_standard_error"] = agent["standard_error"]
        trained = results["train"]["seconds"]
        mean_return = f"{agent['mean_return']:.2f} ± {agent['standard_error']:5.2f}"
        oracle_return = f"{oracle['mean_return']:.2f}"
        rows.append((text, mean_return, oracle_return, f"{trained:,.0f}", f"{seconds:,.0f}"))
    notes = [
        "± is one standard error over sessions; between seeds the quickstart's returns have a"
        " standard deviation of about 0.5."
    ]
    return section(settings, "The quickstart", rows, figures, notes=notes, details=details)


def _train(run: Path, bindings: tuple[str, ...], num_workers: int) -> None:
    arguments = [
        "train",
        f"--root_dir={run}",
        "--gin_file=quickstart.gin",
        *(f"--gin_bindings={binding}" for binding in bindings),
    ]
    addresses = processes.free_addresses(num_workers)
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "recsim_tf.command_line.cli", *arguments],
            env=processes.environment(
                processes.tf_config(addresses, index) if num_workers > 1 else {}
            ),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(num_workers)
    ]
    errors = [worker.communicate()[1] for worker in workers]
    if any(worker.returncode for worker in workers):
        raise RuntimeError("the training failed:\n" + "\n".join(errors))
