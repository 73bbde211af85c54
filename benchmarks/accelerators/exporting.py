"""The section `export`: a folder of programs that an accelerator runs under JAX."""

import time
from pathlib import Path

import tensorflow as tf
from absl import app
from accelerators import learners, rollouts, simulators
from accelerators.folder import Folder
from accelerators.settings import Settings
from sections import Section

import recsim_tf

USERS = {False: (10**3, 10**4, 10**5, 10**6), True: (8,)}
# More users, by default. Elsewhere TensorFlow folds constants of so many users for minutes.
_MORE_USERS = {"InterestEvolution-v1": 10**7}


def measure(settings: Settings) -> Section:
    """Writes the folder, and counts the programs."""
    if settings.output is None:
        raise app.UsageError("--output must be a folder for export")
    started = time.perf_counter()
    try:
        number, num_bytes = export(settings, Path(settings.output))
    except (OSError, ValueError) as error:
        raise app.UsageError(f"--output {error}") from error
    lines = [
        f"{number} programs, {num_bytes / 2**20:.1f} MiB, in"
        f" {time.perf_counter() - started:.0f} s: {settings.output}",
        f"Run it where there is JAX: python {Path(settings.output) / 'run.py'} --json=PATH",
    ]
    return Section({"export.programs": number}, {}, lines)


def export(settings: Settings, path: Path) -> tuple[int, int]:
    """Writes the folder; returns the number of programs and of bytes.

    Raises:
      ValueError: if the folder has files that no export wrote.
    """
    folder, quick, sizes = Folder(path), settings.quick, {}
    for environment in settings.environments:
        users = {*(settings.users or USERS[quick])}
        if not (quick or settings.users or environment not in _MORE_USERS):
            users.add(_MORE_USERS[environment])
        sizes[environment] = sorted(users)
    index = {
        "recsim_tf": recsim_tf.__version__,
        "tensorflow": tf.__version__,
        "quick": quick,
        "learners": learners.export(folder, quick),
        "rollouts": rollouts.export(folder, sizes, quick),
        "simulators": simulators.export(
            folder, settings.environments, min(settings.users or USERS[quick]), quick
        ),
    }
    folder.add_index(index)
    number = len(index["rollouts"]) + 2 * len(index["simulators"])
    number += sum(len(agent["programs"]) for agent in index["learners"])
    return number, folder.num_bytes()
