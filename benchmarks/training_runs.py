"""Tables of runs: `recsim-tf train` or `simulate` on packaged configs, each in a process of its
own, several at a time.
"""

import concurrent.futures
import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import app, flags

_FLAGS = flags.FLAGS
# The flags that are defined here are the program's.
flags.disclaim_key_flags()
_CONFIGS = Path(__file__).parent.parent / "configs"
_QUICK = (
    "experiment.num_users=8",
    "Iteration.replay_length=5",
    "train.num_iterations=1",
    "Evaluation.num_users=4",
    "Evaluation.max_steps=3",
)


class Settings(NamedTuple):
    """The settings of a table."""

    seeds: int
    root: Path  # folder of the runs
    quick: bool  # a smoke run
    processes: int  # runs at a time


class Row(NamedTuple):
    """A row of a table: what is trained or simulated, with any seed."""

    config: str  # name of a packaged config; one of simulate.policies learns nothing
    bindings: tuple[str, ...] = ()  # gin bindings over it


def define_flags(seeds: int) -> None:
    """Defines the flags of the settings but --quick, with so many seeds by default."""
    flags.DEFINE_string(
        "root_dir",
        None,
        "Folder of the runs; what it holds is not run again. By default a temporary one.",
    )
    flags.DEFINE_integer("seeds", seeds, "Number of seeds; of a smoke run 2 by default.")
    flags.DEFINE_integer("processes", os.cpu_count(), "Runs at a time.")


@contextlib.contextmanager
def settings() -> Iterator[Settings]:
    """The settings by the flags; a temporary folder is there until the end."""
    seeds = 2 if _FLAGS.quick and not _FLAGS["seeds"].present else _FLAGS.seeds
    if seeds < 2:
        raise app.UsageError(f"--seeds must be at least 2, for a standard error, got {seeds}")
    with tempfile.TemporaryDirectory() as scratch:
        yield Settings(seeds, Path(_FLAGS.root_dir or scratch), _FLAGS.quick, _FLAGS.processes)


def run(
    folder: Path, row: Row, seed: int, quick: bool = False, quick_bindings: Sequence[str] = ()
) -> dict[str, Any]:
    """Runs a config, unless its folder has a result already; returns the result of its policy.

    Args:
      folder: of the run. A finished run there is not run again, one that was interrupted goes on.
      row: what is trained or simulated.
      seed: seed of learning, and with 1000 added of the users of the evaluation.
      quick: whether to do as little as possible.
      quick_bindings: more bindings of a quick run.

    Raises:
      RuntimeError: if the run fails, with the end of what it printed.
    """
    if not (folder / "results.json").exists():
        bindings = [
            *row.bindings,
            f"experiment.seed={seed}",
            f"Evaluation.seed={1000 + seed}",
            "experiment.baselines=()",
        ]
        if quick:
            bindings += [*_QUICK, *quick_bindings]
        paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]
        learns = "simulate.policies" not in (_CONFIGS / row.config).read_text()
        arguments = [
            f"--root_dir={folder}",
            f"--gin_file={row.config}",
            *(f"--gin_bindings={binding}" for binding in bindings),
        ]
        process = subprocess.run(
            [
                sys.executable,
                "-m",
                "recsim_tf.command_line.cli",
                "train" if learns else "simulate",
                *arguments,
            ],
            # Gin files may import what is beside this file.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            capture_output=True,
            text=True,
        )
        if process.returncode:
            raise RuntimeError(f"{row.config}, seed {seed}:\n{process.stderr[-2000:]}")
    return json.loads((folder / "results.json").read_text())["policies"][-1]


def run_all(tasks: Iterable[Any], function: Callable[[Any], Any], processes: int) -> dict[Any, Any]:
    """Calls a function of every task, several at a time; the first error ends it.

    Returns:
      The results by task.
    """
    with concurrent.futures.ThreadPoolExecutor(processes) as pool:
        futures = {task: pool.submit(function, task) for task in tasks}
        for future in concurrent.futures.as_completed(futures.values()):
            if future.exception() is not None:
                pool.shutdown(cancel_futures=True)
                future.result()
    return {task: future.result() for task, future in futures.items()}


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """The mean of values, and its standard error."""
    return float(np.mean(values)), float(np.std(values, ddof=1) / len(values) ** 0.5)


def standard_errors_between(better: Mapping[str, float], worse: Mapping[str, float]) -> float:
    """The difference of two rows' mean returns in standard errors, from their "mean_return" and
    "standard_error".
    """
    error = math.hypot(better["standard_error"], worse["standard_error"])
    return (better["mean_return"] - worse["mean_return"]) / max(error, 1e-9)
