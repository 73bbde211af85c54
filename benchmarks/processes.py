"""What benchmarks share: processes of their own, RecSim in its interpreter, the machine, the JSON
file.
"""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_WORKER = _HERE / "worker.py"
_PEER_IS_MISSING = 3
# As it was at the start: recsim_tf, once imported, chooses the Keras of this process, not of peers.
_ENVIRONMENT = dict(os.environ)


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
    """What a module measures of a task in a process of `worker.py`.

    Args:
      module: such as "speeds.draws".
      task: fields of the module's `Task`.
      one_core: whether the process is pinned to one core and TensorFlow has one thread.
    """
    arguments = [module, json.dumps(task), *["--one_thread"] * one_core]
    process = _run(sys.executable, _WORKER, arguments, one_core)
    if process.returncode:
        raise RuntimeError(f"the measuring process failed:\n{process.stderr}")
    return json.loads(process.stdout.splitlines()[-1])


def environment(variables: dict[str, str]) -> dict[str, str]:
    """The environment that this process started in, and some variables more."""
    return {**_ENVIRONMENT, "TF_CPP_MIN_LOG_LEVEL": "2", **variables}


def version(package: str) -> str:
    """The installed version of a package."""
    return importlib.metadata.version(package)


def run_peer(
    name: str, flag: str, python: str | None, script: str, **arguments
) -> tuple[dict[str, Any] | None, str]:
    """A peer's figures on one core by a script of `peers`, or None, and a line that says why there
    are none, else "".

    Args:
      name: of the peer, for a person.
      flag: that gives its interpreter.
      python: the interpreter, or None.
      script: of `peers`; exits with status 3 where the peer cannot be imported.
      **arguments: flags of the script.

    Raises:
      RuntimeError: if the script fails.
    """
    if python is None:
        return None, f"{name}: skipped, no --{flag}"
    try:
        process = _run(
            python,
            _HERE / "peers" / script,
            [f"--{flag}={value}" for flag, value in arguments.items()],
            one_core=True,
        )
    except OSError as error:
        raise SystemExit(
            f"--{flag} must be an interpreter, got {python}: {error.strerror}"
        ) from error
    if process.returncode == _PEER_IS_MISSING:
        return (
            None,
            (
                f"{name}: skipped, that interpreter cannot import it"
                f" ({process.stderr.splitlines()[-1]})"
            ),
        )
    if process.returncode:
        raise RuntimeError(f"{name} failed:\n{process.stderr}")
    return json.loads(process.stdout.splitlines()[-1]), ""


def run_recsim(python: str | None, script: str, **arguments) -> tuple[dict[str, Any] | None, str]:
    """RecSim's figures as `run_peer` gives them, and a line that tells of them or why there are
    none.
    """
    figures, line = run_peer("RecSim", "recsim-python", python, script, **arguments)
    if figures:
        line = (
            f"RecSim {figures['recsim']}, Python {figures['python']}:"
            f" {figures['steps_per_cpu_second']:,.0f} steps per CPU second"
        )
    return figures, line


def machine(worker: dict[str, Any], load_before: float) -> dict[str, Any]:
    """Where a run took place; a worker tells its device and TensorFlow."""
    return {
        "device": worker["device"],
        "cores": (
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        ),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "tensorflow": worker["tensorflow"],
        "load_average": [load_before, os.getloadavg()[0]],
    }


def machine_line(machine: dict[str, Any]) -> str:
    """The machine for a person."""
    return (
        f"{machine['device']}, {machine['cores']} cores ({machine['processor']}), TensorFlow"
        f" {machine['tensorflow']}"
    )


def load_lines(machine: dict[str, Any], quick: bool) -> list[str]:
    """What to think of the figures."""
    before, after = machine["load_average"]
    lines = [
        f"Load average {before:.1f} before, {after:.1f} after; this run makes at least 1. CPU"
        " seconds count all threads."
    ]
    lines.append(
        "Other work on the machine lowers the wall rates, above all those on all cores, and where"
        " cores share caches the CPU rates."
    )
    return [*lines, "A smoke run: these figures mean nothing."] if quick else lines


def write(path: str | None, command: Sequence[str], result: dict[str, Any]) -> None:
    """Writes a result, with the command that made it, where a path is given."""
    if path:
        Path(path).write_text(json.dumps({"command": " ".join(command), **result}, indent=2) + "\n")
