"""Runs of the tiny configuration, in this process and in another."""

import os
import pathlib
import subprocess
import sys

from recsim_tf.experiment import config
from recsim_tf.experiment.run_dir import RunDirectory

TINY = str(pathlib.Path(__file__).parent.parent / "data" / "tiny.gin")
# The command as installed, without relying on where it is installed.
_COMMAND = "import sys; sys.argv[0] = 'recsim-tf'; from recsim_tf.cli import main; main()"


def open_run(root_dir, *bindings: str) -> RunDirectory:
    """Loads the tiny configuration and opens a folder for it."""
    return RunDirectory(root_dir, config.load([TINY], bindings))


def start_command(*arguments: str, cwd=None, environment=None) -> subprocess.Popen:
    """Starts `recsim-tf *arguments`, with the variables of `environment` beside those of this process."""
    return subprocess.Popen(
        [sys.executable, "-c", _COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", **(environment or {})},
        cwd=cwd,
    )


def run_command(*arguments: str, cwd=None) -> tuple[int, str, str]:
    """Runs `recsim-tf *arguments`; returns its exit code, output and error output."""
    process = start_command(*arguments, cwd=cwd)
    output, errors = process.communicate()
    return process.returncode, output, errors


def snapshot(folder: pathlib.Path) -> dict[str, bytes]:
    """Contents of all files of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
