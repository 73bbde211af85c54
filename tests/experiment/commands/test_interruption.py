# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C at moments of commands in processes of their own."""

import contextlib
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys

import pytest

from tests.experiment.tiny_runs import start_command

# Parts of a run: before the first Python has not loaded the command, and ends by itself; after the
# last a run that is faster than another has ended.
_FIRST, _LAST = 0.1, 0.8


def _cpu_seconds(process):
    """How far a process is, whatever else the machine does."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="reads in /proc how far a process is")
@pytest.mark.parametrize("command", ["evaluate"])
def test_ctrl_c_at_ten_moments_ends_a_command_with_a_line(finished, tmp_path, command):
    run = shutil.copytree(finished[0], tmp_path / "run")
    arguments = (command, f"--root_dir={run}", "--gin_bindings=Evaluation.num_users = 6")
    whole = start_command(*arguments, environment={"PYTHONUNBUFFERED": "1"})
    whole.stdout.read(1)  # It prints when all else is done.
    last = _cpu_seconds(whole)
    whole.communicate()
    draws, found = random.Random(0), []
    for number in range(10):
        part = (number + draws.random()) / 10
        moment = last * (_FIRST + part * (_LAST - _FIRST))
        process = start_command(*arguments)
        while _cpu_seconds(process) < moment:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.01)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
        found.append((f"{moment:.2f} of {last:.2f} s", process.returncode, errors))
    line = f"recsim-tf: {command} was stopped; run the same command to go on\n"
    others = [each for each in found if each[1:] != (130, line)]
    # A busy machine moves one past the end of the command, or into an import.
    assert len(others) <= 1, others
