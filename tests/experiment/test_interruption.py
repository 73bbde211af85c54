"""Ctrl-C at moments of commands in processes of their own."""

import random
import shutil
import signal
import subprocess
import time

import pytest

from tests.experiment.tiny_runs import start_command

# Before it has loaded the command, Python ends by itself; so it does once the command has ended.
_LOADED_SECONDS = 0.5
_LAST = 0.9


@pytest.mark.slow
@pytest.mark.parametrize("command", ["sessions", "evaluate"])
def test_ctrl_c_at_any_of_ten_moments_ends_a_command_with_a_line(finished, tmp_path, command):
    run = shutil.copytree(finished[0], tmp_path / "run")
    arguments = (command, f"--root_dir={run}", "--gin_bindings=Evaluation.num_users = 6")
    started = time.monotonic()
    assert start_command(*arguments).communicate()[1] == ""
    last = _LAST * (time.monotonic() - started)
    draws = random.Random(0)
    for number in range(10):
        part = (number + draws.random()) / 10
        moment = _LOADED_SECONDS + part * (last - _LOADED_SECONDS)
        process = start_command(*arguments)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(moment)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
        assert (process.returncode, errors) == (
            130,
            f"recsim-tf: {command} was stopped; run the same command to go on\n",
        ), f"after {moment:.2f} s"
