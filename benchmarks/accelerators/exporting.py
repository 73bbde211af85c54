# SPDX-License-Identifier: Apache-2.0
"""Sections `export`, a folder of programs that run under JAX, and `agree`, which runs it here."""

import json
import subprocess
import tempfile
import time
from pathlib import Path

import processes
import tensorflow as tf
from absl import app
from accelerators import learners, rollouts
from accelerators.folder import Folder
from accelerators.settings import Settings
from sections import Section, section

import recsim_tf

_USERS = {False: (10**3, 10**4, 10**5, 10**6), True: (8,)}
# More users, by default. Elsewhere TensorFlow folds constants of so many users for minutes.
_MORE_USERS = {"InterestEvolution-v1": 10**7}
# TensorFlow simulates so many itself.
_COMPARED = {False: (1000,), True: (8,)}


def export(settings: Settings) -> Section:
    """Writes the folder, and counts the programs."""
    if settings.output is None:
        raise app.UsageError("--output must be a folder for export")
    started = time.perf_counter()
    try:
        number, num_bytes = _write(settings, Path(settings.output))
    except (OSError, ValueError) as error:
        raise app.UsageError(f"--output {error}") from error
    lines = [
        f"{number} programs, {num_bytes / 2**20:.1f} MiB, in"
        f" {time.perf_counter() - started:.0f} s: {settings.output}",
        f"Run it where there is JAX: python {Path(settings.output) / 'run.py'} --json=PATH",
    ]
    return Section({"export.programs": number}, {}, lines)


def _write(settings: Settings, path: Path) -> tuple[int, int]:
    """Writes the folder; returns the number of programs and of bytes.

    Raises:
      ValueError: if the folder has files that no export wrote.
    """
    folder, quick, sizes = Folder(path), settings.quick, {}
    for environment in settings.environments:
        users = {*(settings.users or _USERS[quick])}
        if not (quick or settings.users or environment not in _MORE_USERS):
            users.add(_MORE_USERS[environment])
        sizes[environment] = sorted(users)
    index = {
        "recsim_tf": recsim_tf.__version__,
        "tensorflow": tf.__version__,
        "quick": quick,
        "learners": learners.export(folder, quick),
        "rollouts": rollouts.export(folder, sizes, quick),
    }
    folder.add_index(index)
    number = len(index["rollouts"]) + sum(len(agent["programs"]) for agent in index["learners"])
    return number, folder.num_bytes()


def agree(settings: Settings) -> Section:
    """Exports programs, and compares their results under JAX on the CPU with TensorFlow's."""
    python = settings.interpreter()
    few = settings._replace(users=settings.users or _COMPARED[settings.quick])
    with tempfile.TemporaryDirectory() as folder:
        _write(few, Path(folder))
        path = Path(folder) / "figures.json"
        process = subprocess.run(
            [python, str(Path(folder) / "run.py"), f"--json={path}", "--seconds=0"],
            env=processes.environment({"JAX_PLATFORMS": "cpu"}),
            capture_output=True,
            text=True,
        )
        if not path.exists():
            raise SystemExit(f"run.py failed under JAX:\n{process.stderr}")
        kinds = json.loads(path.read_text())["figures"]
    rows = [("program", "result")]
    for kind, named in kinds.items():
        rows += [
            (f"{kind} {name}", "; ".join(each["differences"]) or "as TensorFlow found it")
            for name, each in named.items()
        ]
    differing = sum(
        bool(each["differences"]) for named in kinds.values() for each in named.values()
    )
    figures = {"agree.programs": len(rows) - 1, "agree.differing": differing}
    title = "Results under JAX on the CPU"
    return section(settings, title, rows, figures, {"agree.differing": (0, 0)}, left=(0, 1))
