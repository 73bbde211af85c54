# SPDX-License-Identifier: Apache-2.0
"""Processes that benchmarks start: workers that measure, and peers in interpreters of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import commands

_HERE = Path(__file__).parent
_WORKER = _HERE / "worker.py"
_PEER_IS_MISSING = 3


def _run(
    python: str, script: Path, arguments: Sequence[str], one_core: bool
) -> subprocess.CompletedProcess:
    """Runs a script with an interpreter, pinned to a single core where the system can do that."""

    def pin():
        if one_core and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    return subprocess.run(
        [python, str(script), *arguments],
        preexec_fn=pin,
        env=environment({}),
        capture_output=True,
        text=True,
    )


def run_worker(module: str, task: dict[str, Any], one_core: bool) -> dict[str, Any]:
    """Lets a module measure a task in a process of `worker.py`.

    Args:
      module: the module, such as "speeds.draws".
      task: the fields of the module's `Task`.
      one_core: whether the process is pinned to one core and TensorFlow has one thread.
    """
    arguments = [module, json.dumps(task), *["--one_thread"] * one_core]
    process = _run(sys.executable, _WORKER, arguments, one_core)
    if process.returncode:
        raise RuntimeError(f"the measuring process failed:\n{process.stderr}")
    return json.loads(process.stdout.splitlines()[-1])


def environment(variables: dict[str, str]) -> dict[str, str]:
    """The environment that this process started in, with some variables added."""
    return {**commands.ENVIRONMENT, "TF_CPP_MIN_LOG_LEVEL": "2", **variables}


def run_peer(
    name: str, flag: str, python: str | None, script: str, **arguments
) -> tuple[dict[str, Any] | None, str]:
    """Runs a script of `peers` on one core.

    Args:
      name: the name of the peer, for a person.
      flag: the flag that gives its interpreter.
      python: the interpreter, or None.
      script: the script, which exits with status 3 where the peer cannot be imported.
      **arguments: the flags of the script.

    Returns:
      The figures of the peer, and ""; or None, and a line that says why there are none.

    Raises:
      RuntimeError: if the script fails.
    """
    if python is None:
        return None, f"{name}: skipped, no --{flag}"
    try:
        flags = [f"--{argument}={value}" for argument, value in arguments.items()]
        process = _run(python, _HERE / "peers" / script, flags, one_core=True)
    except OSError as error:
        raise SystemExit(
            f"--{flag} must be an interpreter, got {python}: {error.strerror}"
        ) from error
    if process.returncode == _PEER_IS_MISSING:
        reason = process.stderr.splitlines()[-1]
        return None, f"{name}: skipped, that interpreter cannot import it ({reason})"
    if process.returncode:
        raise RuntimeError(f"{name} failed:\n{process.stderr}")
    return json.loads(process.stdout.splitlines()[-1]), ""


def run_recsim(python: str | None, **arguments) -> tuple[dict[str, Any] | None, str]:
    """Runs `recsim_sessions.py` as `run_peer` does; the line of figures has the rate."""
    name, script = "RecSim", "recsim_sessions.py"
    figures, line = run_peer(name, "recsim-python", python, script, **arguments)
    if figures:
        line = (
            f"RecSim {figures['recsim']}, Python {figures['python']}:"
            f" {figures['steps_per_cpu_second']:,.0f} steps per CPU second"
        )
    return figures, line
