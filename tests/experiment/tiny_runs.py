# SPDX-License-Identifier: Apache-2.0
"""Runs of the tiny configuration, in this process and in another."""

import contextlib
import csv
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

from recsim_tf.command_line import cli
from recsim_tf.experiment import config
from recsim_tf.experiment.runs.folder import RunDirectory

TINY = str(pathlib.Path(__file__).parent.parent / "data" / "tiny.gin")


def open_run(root_dir, *bindings: str) -> RunDirectory:
    """Loads the tiny configuration and opens a folder for it."""
    return RunDirectory(root_dir, config.load([TINY], bindings))


def start_command(*arguments: str, environment=None) -> subprocess.Popen:
    """Starts `recsim-tf *arguments`, with the variables of `environment` beside those of this
    process.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "recsim_tf.command_line.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", **(environment or {})},
    )


def run_command(capfd, *arguments) -> tuple[int, str, str]:
    """Runs `recsim-tf *arguments` in this process, which has TensorFlow loaded; returns its exit
    status, output and error output.
    """
    capfd.readouterr()
    code = cli.run([str(argument) for argument in arguments])
    return code, *capfd.readouterr()


def succeed(capfd, *arguments) -> str:
    """The output of `recsim-tf *arguments`, which must end without an error."""
    code, output, errors = run_command(capfd, *arguments)
    assert code == 0, errors
    return output


def refused(capfd, *arguments) -> str:
    """The line that `recsim-tf *arguments`, which must fail, says of its error."""
    code, output, errors = run_command(capfd, *arguments)
    assert (code, output, errors.count("\n")) == (2, "", 1), errors
    assert errors.startswith("recsim-tf: error: ")
    return errors.removeprefix("recsim-tf: error: ").rstrip("\n")


def without_times(rows: list[dict]) -> list[dict]:
    """Rows of metrics.jsonl without what another run of the same would take."""
    return [
        {key: value for key, value in row.items() if key not in ("seconds", "TimePerStep/train")}
        for row in rows
    ]


@contextlib.contextmanager
def terminated_when(condition: Callable[[], bool]) -> Iterator[None]:
    """Sends this process SIGTERM inside the context as soon as a condition holds."""

    def wait():
        while not (left.is_set() or condition()):
            time.sleep(0.02)
        if not left.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

    left = threading.Event()
    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        left.set()
        thread.join()


def damage(checkpoint: pathlib.Path) -> None:
    """Cuts the files of a checkpoint off in the middle."""
    for path in checkpoint.glob("*.data*"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def read_csv(path: pathlib.Path) -> list[dict[str, str]]:
    """The rows of a table, by column."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def snapshot(folder: pathlib.Path) -> dict[str, bytes]:
    """Contents of all files of a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
