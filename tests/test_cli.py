# SPDX-License-Identifier: Apache-2.0
import contextlib
import errno
import functools
import gc
import io
import json
import os
import re
import signal
import sys
import threading

import pytest

import recsim_tf
from recsim_tf.command_line import cli
from recsim_tf.logs import episodes
from recsim_tf.support import files
from tests.experiment.tiny_runs import refused, run_command, start_command, succeed

# Matplotlib and PolicySaver warn of their own dependencies.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.slow
def test_a_process_with_bad_input_says_it_in_its_only_line_and_ends_with_status_2():
    process = start_command("train", "--root_dir=nowhere", "--gin_bindings=nothing.x = 1")
    output, errors = process.communicate()
    assert (process.returncode, output) == (2, "")
    assert errors.startswith("recsim-tf: error: binding 'nothing.x = 1': nothing is unknown;")
    assert errors.count("\n") == 1


def test_help_lists_the_commands_and_each_has_only_its_own_options(capsys):
    assert cli.run(["--help"]) == 0
    listed = capsys.readouterr().out
    options = {}
    commands = ("train", "evaluate", "sessions", "simulate", "compare", "fit", "validate", "ope")
    for command in (*commands, "sweep"):
        assert re.search(rf"^ +{command} +\w+", listed, re.MULTILINE)
        assert cli.run([command, "--help"]) == 0
        lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
        options[command] = {line.split()[0] for line in lines if line.startswith("--")}
    shared = {"--root_dir", "--gin_file", "--gin_bindings"}
    assert options["train"] == options["fit"] == shared
    assert options["simulate"] - shared == {"--episode_file"}
    assert options["compare"] == {"--baseline", "--output"}
    assert options["validate"] - shared == {"--trust"}
    assert options["ope"] - shared == {"--trust", "--require"}
    assert options["evaluate"] - shared == {"--trust", "--watch", "--watch_timeout"}
    of_sessions = {"--policy", "--num_users", "--user", "--seed", "--max_turns", "--output"}
    assert options["sessions"] - shared == {"--trust", *of_sessions}
    assert "--gin_file" not in options["sweep"]


def interrupted():
    raise KeyboardInterrupt


def killed(number):
    os.kill(os.getpid(), number)


def swallowed(number, other=None):
    """A library drops the error of a signal, or makes another one of it."""
    with contextlib.suppress(KeyboardInterrupt):
        killed(number)
    if other is not None:
        raise other


def interrupted_in_a_callback_of_the_garbage_collector():
    def callback(phase, info):
        gc.callbacks.remove(callback)
        killed(signal.SIGINT)

    gc.callbacks.append(callback)
    gc.collect()
    threading.Event().wait(60)
    pytest.fail("was not interrupted")


_OTHER = RuntimeError("while a graph was traced")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("act", "number"),
    [
        (interrupted, signal.SIGINT),
        (lambda: killed(signal.SIGTERM), signal.SIGTERM),
        (interrupted_in_a_callback_of_the_garbage_collector, signal.SIGINT),
        *((functools.partial(swallowed, n), n) for n in (signal.SIGINT, signal.SIGTERM)),
        *((functools.partial(swallowed, n, _OTHER), n) for n in (signal.SIGINT, signal.SIGTERM)),
    ],
)
def test_a_signal_ends_a_command_with_a_line(tmp_path, monkeypatch, capfd, act, number):
    monkeypatch.setattr(cli, "_call", lambda options: act())
    code, _, errors = run_command(capfd, "simulate", f"--root_dir={tmp_path}")
    assert code == 128 + number
    assert errors == "recsim-tf: simulate was stopped; run the same command to go on\n"


def test_output_that_is_not_utf_8_has_marks_for_what_it_lacks(tmp_path, monkeypatch):
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding="ascii"))
    monkeypatch.setattr(cli, "_call", lambda options: print("± is an error"))
    assert cli.run(["simulate", f"--root_dir={tmp_path}"]) == 0
    sys.stdout.flush()
    assert printed.getvalue() == b"? is an error\n"


@pytest.mark.slow
def test_names_that_a_terminal_would_obey_are_printed_without_control_characters(tmp_path, capfd):
    bindings = ["simulate.simulator = @interest_exploration()", "Evaluation.num_users = 3"]
    bindings += [r"simulate.policies = {'\x1b]0;owned\x07\x1b[2J\r\x9b\t': 'random'}"]
    options = [f"--gin_bindings={binding}" for binding in bindings]
    output = succeed(capfd, "simulate", f"--root_dir={tmp_path}", *options)
    assert "\ufffd]0;owned\ufffd\ufffd[2J\ufffd\ufffd\ufffd" in output
    assert not re.search(r"[^\n -~\u00a0-\uffff]", output)
    (tmp_path / "config.gin").write_text("\x1b[2J.x = 1")
    line = refused(capfd, "sessions", f"--root_dir={tmp_path}")
    assert not re.search(r"[^ -~\u00a0-\uffff]", line)


def test_a_progress_bar_moves_and_prints_no_other_control_characters(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(cli, "_call", lambda options: print("\rhalf\r\x1b[2J\x07", file=sys.stderr))
    code, _, errors = run_command(capfd, "simulate", f"--root_dir={tmp_path}")
    assert (code, errors) == (0, "\rhalf\ufffd\ufffd[2J\ufffd\n")


def test_a_full_disk_is_one_line_with_the_path_and_what_to_do(tmp_path, monkeypatch, capfd):
    def on_a_full_disk(options):
        with files.whole_file(tmp_path / "results.json"):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cli, "_call", on_a_full_disk)
    code, _, errors = run_command(capfd, "simulate", f"--root_dir={tmp_path}")
    assert code == 2
    assert errors == (
        f"recsim-tf: error: {tmp_path}/results.json: No space left on device; make room on the"
        " disk, then run the same command to go on\n"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_simulate_writes_an_episode_file(tmp_path, capfd):
    run, log = tmp_path / "run", tmp_path / "logs" / "episodes.tfrecord"
    bindings = ["simulate.simulator = @interest_evolution()", "simulate.log_steps = 3"]
    bindings += ["Evaluation.num_users = 8", "Evaluation.max_steps = 5"]
    options = [f"--gin_bindings={binding}" for binding in bindings]
    output = succeed(capfd, "simulate", f"--root_dir={run}", f"--episode_file={log}", *options)
    assert "Random" in output
    assert json.loads((run / "results.json").read_text())["policies"][0]["episodes"] == 8
    trajectory = episodes.read(log, recsim_tf.interest_evolution()).trajectory()
    assert trajectory.transitions.reward.shape == [3, 8]
    assert trajectory.transitions.active.numpy().all()
    assert list(log.parent.iterdir()) == [log]
