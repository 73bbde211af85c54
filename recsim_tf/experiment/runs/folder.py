# SPDX-License-Identifier: Apache-2.0
"""The folder of a run: which configuration it belongs to, its metrics, its checkpoints, and the
machine, on which its last bits depend.
"""

import contextlib
import importlib.metadata
import json
import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from recsim_tf._version import __version__
from recsim_tf.core.runs.execution import num_cores
from recsim_tf.experiment.gin.binding_errors import reading
from recsim_tf.experiment.gin.bindings import values
from recsim_tf.support import checkpoints
from recsim_tf.support.errors import UsageError
from recsim_tf.support.files import (
    append_json,
    read_json,
    read_json_lines,
    read_text,
    require_numbers,
    unfinished,
)
from recsim_tf.support.locks import lock
from recsim_tf.support.new_folders import sweep
from recsim_tf.support.outputs import write_files

_CONFIG = "config.gin"
_METRICS = "metrics.jsonl"
_LOCK = ".lock"
_CHECKPOINTS = "checkpoints"
_MACHINE = "machine.json"
# Libraries on which results depend; those of agents need not be installed.
_LIBRARIES = ("tensorflow", "tensorflow_probability", "tf_agents", "tf_keras", "numpy")
# Bindings that may differ between calls of one run.
_MAY_CHANGE = ("train.num_iterations",)


class RunDirectory:
    """A folder that belongs to one configuration.

    Args:
      root_dir: created by `claim` if it does not exist; else it must be empty or hold a run of the
        same configuration.
      config: the configuration's text, from `config.load`; None takes the folder's own, which must
        be there.

    Raises:
      UsageError: if the folder holds anything else. Nothing in it is changed then.
    """

    def __init__(self, root_dir: str | os.PathLike, config: str | None = None):
        self.path = Path(root_dir)
        if config is None:
            if not self.config_file.is_file():
                raise UsageError(
                    f"root_dir {self.path} must be the folder of a run, it has no {_CONFIG}"
                )
            config = self._recorded()
        elif holds(self.path, _CONFIG, "run"):
            recorded = self._recorded()
            with reading([self.config_file]):
                changed = _differences(recorded, config)
            if changed:
                raise UsageError(
                    f"root_dir {self.path} holds a run of another configuration, which differs in"
                    f" {', '.join(changed)}: use the same configuration (only"
                    f" {', '.join(_MAY_CHANGE)} may change) or another root_dir"
                )
        self._config = config

    @property
    def config(self) -> str:
        """The text of the configuration."""
        return self._config

    @property
    def config_file(self) -> Path:
        """The recorded configuration."""
        return self.path / _CONFIG

    @property
    def results_file(self) -> Path:
        """The results, which are there once the run has ended."""
        return self.path / "results.json"

    def _recorded(self) -> str:
        return read_text(self.config_file, "restore it, or choose another root_dir")

    @contextlib.contextmanager
    def claim(self, worker: int = 0) -> Iterator[None]:
        """Creates the folder, removes unfinished files of killed processes, records the
        configuration and the machine, and keeps other processes from the folder inside the context.
        A new run that fails before it has written anything else takes its records away again.

        Args:
          worker: number of this process among those that have the folder together; number 0 records
            the configuration.

        Raises:
          UsageError: if another process has claimed it.
          OSError: if it cannot be written to.
        """
        existed = self.path.exists()
        with locked(self.path, f"{_LOCK}-{worker}" if worker else _LOCK):
            if worker:
                yield
                return
            sweep(self.path)
            is_new = not self.config_file.is_file()
            self.write({_CONFIG: self._config, _MACHINE: _new_machine(self.path / _MACHINE)})
            try:
                yield
            except BaseException:
                ours = {_CONFIG, _MACHINE, _LOCK}
                names = {path.name for path in self.path.glob("*")}
                if is_new and names <= ours and self.path.is_dir():
                    for name in ours if not existed else ours - {_LOCK}:
                        (self.path / name).unlink(missing_ok=True)
                    if not existed:
                        self.path.rmdir()
                raise

    def write(self, files: Mapping[str, Any]) -> None:
        """Writes files in order, see `write_files`: results.json last, since it ends a run."""
        write_files(self.path, files)

    def results(self, advice: str) -> dict[str, Any]:
        """The content of results.json, empty before the end; `advice` is for a damaged file."""
        return read_json(self.results_file, dict, advice) if self.results_file.is_file() else {}

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Adds a line to metrics.jsonl."""
        append_json(self.path / _METRICS, row)

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl, without a last line that a kill left half written."""
        try:
            return read_json_lines(self.path / _METRICS, _row, "restore it, or remove it")
        except FileNotFoundError:
            return []

    def rewind_metrics(self, iteration: int) -> None:
        """Drops the lines after the checkpoint of `iteration`, which will be written again."""
        rows = [row for row in self.metrics() if row["iteration"] <= iteration]
        self.write({_METRICS: "".join(json.dumps(row) + "\n" for row in rows)})

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints, by iteration; see `recsim_tf.support.checkpoints`."""
        return self.path / _CHECKPOINTS

    def restore_latest(self, checkpoint: tf.train.Checkpoint, whole: bool = True) -> bool:
        """Restores a training, without its replay, from the newest checkpoint, see
        `checkpoints.restore`. Returns whether there was one. Raises a CorruptError if none can be
        read.
        """
        return (
            checkpoints.restore_newest(self.checkpoints, checkpoints.RUN, checkpoint, whole)
            is not None
        )


@contextlib.contextmanager
def locked(folder: Path, name: str = _LOCK) -> Iterator[None]:
    """Creates the folder, and holds the lock of a name in it inside the context.

    Raises:
      UsageError: if another process holds it, or if the folder cannot be created.
      OSError: if the lock cannot be opened, or is a link.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"root_dir {folder} cannot be created: {error.strerror}") from error
    try:
        file = lock(folder / name)
    except BlockingIOError as error:
        raise UsageError(
            f"root_dir {folder} is in use by another process: wait for it or choose another"
            " root_dir"
        ) from error
    with file:
        yield


def holds(folder: Path, record: str, kind: str) -> bool:
    """True if a folder, which need not exist, holds a run or a sweep, by the `record` that each of
    this kind has; else it may be filled with one. Raises a UsageError if it is a file, or holds
    anything else.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"root_dir {folder} is a file, name a folder")
    if (folder / record).is_file():
        return True
    names = [path.name for path in folder.iterdir()] if folder.exists() else []
    # A process may have been killed while it wrote the record.
    half = unfinished(folder / record).name
    if any(not name.startswith(_LOCK) and name != half for name in names):
        raise UsageError(
            f"root_dir {folder} is not empty and holds no {kind} (no {record}): name a new or"
            " empty folder"
        )
    return False


def _new_machine(file: Path) -> dict[str, Any] | None:
    """The record of the machine for a new run. None where there is a record; if it is of another
    machine, the differences are printed on standard error.
    """
    now = _machine()
    try:
        before: dict[str, Any] = read_json(file, dict, "remove it, and the same command goes on")
    except FileNotFoundError:
        return now
    changed = [
        f"{name} {before[name]} before, {now[name]} now"
        for name in now
        if name in before and before[name] != now[name]
    ]
    if changed:
        print(
            f"recsim-tf: {file.parent} was made elsewhere ({'; '.join(changed)}): its results can"
            " differ in the last bits from those of one machine",
            file=sys.stderr,
            flush=True,
        )
    return None


def _machine() -> dict[str, Any]:
    """The properties of the machine on which the last bits of results depend, by name."""
    # TensorFlow splits sums among its threads, and rounds each part.
    threads = (
        tf.config.threading.get_intra_op_parallelism_threads()
        or int(os.environ.get("TF_NUM_INTRAOP_THREADS") or 0)
        or num_cores()
    )
    machine: dict[str, Any] = {"threads": threads, "processor": platform.machine()}
    with contextlib.suppress(OSError):
        cpus = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        for model in re.findall(r"^model name\s*:\s*(.*)", cpus, re.MULTILINE)[:1]:
            machine["processor_model"] = model
    machine["python"] = platform.python_version()
    for library in _LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            machine[library] = importlib.metadata.version(library)
    return {**machine, "recsim_tf": __version__}


def _row(iteration: int, **scalars: float | None) -> dict[str, Any]:
    """A line of metrics.jsonl."""
    require_numbers(scalars)
    return {"iteration": int(iteration), **scalars}


def _differences(old: str, new: str) -> list[str]:
    """Names of the bindings in which two configurations differ."""
    before, after = values(old), values(new)
    names = sorted((before.keys() | after.keys()) - {*_MAY_CHANGE})
    return [name for name in names if before.get(name) != after.get(name)]
