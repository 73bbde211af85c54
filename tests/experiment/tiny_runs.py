"""Runs of the tiny configuration, in this process and in another."""

import json
import os
import pathlib
import subprocess
import sys

from recsim_tf.experiment import config
from recsim_tf.experiment.runs.folder import RunDirectory

TINY = str(pathlib.Path(__file__).parent.parent / "data" / "tiny.gin")
# The command as installed, without relying on where it is installed.
_COMMAND = "import sys; sys.argv[0] = 'recsim-tf'; from recsim_tf.cli import main; main()"


def open_run(root_dir, *bindings: str) -> RunDirectory:
    """Loads the tiny configuration and opens a folder for it."""
    return RunDirectory(root_dir, config.load([TINY], bindings))


def start_command(*arguments: str, cwd=None, environment=None) -> subprocess.Popen:
    """Starts `recsim-tf *arguments`, with the variables of `environment` beside those of this
    process.
    """
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


_SEVERAL = """
import contextlib, io, json, os, sys
commands, sys.argv[0] = json.loads(sys.argv[1]), "recsim-tf"
from absl import flags
from recsim_tf import cli
results = []
for arguments in commands:
    flags.FLAGS.unparse_flags()
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        code = cli._run(flags.FLAGS(["recsim-tf", *arguments]))
    results.append((code, output.getvalue(), errors.getvalue(), os.listdir()))
print(json.dumps(results))
"""


def run_commands(*commands: list[str], cwd) -> list[tuple[int, str, str, list[str]]]:
    """Runs `recsim-tf` with each list of arguments, one after the other in one process, which
    starts faster than one for each.

    Returns:
      For each its exit code, output, error output and what is in the folder `cwd` then.
    """
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    arguments = [sys.executable, "-c", _SEVERAL, json.dumps(commands)]
    process = subprocess.run(arguments, capture_output=True, text=True, env=environment, cwd=cwd)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])


def snapshot(folder: pathlib.Path) -> dict[str, bytes]:
    """Contents of all files of a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
