# SPDX-License-Identifier: Apache-2.0
"""Sweeps from their file to their tables, with trials in processes of their own."""

import contextlib
import io
import json
import signal
from pathlib import Path

import pytest

from recsim_tf.command_line import cli
from recsim_tf.experiment.runs.folder import RunDirectory, locked
from recsim_tf.experiment.sweeps.run import run_sweep
from recsim_tf.experiment.sweeps.sweep_folder import Shard
from recsim_tf.support import checkpoints
from recsim_tf.support.errors import UsageError
from tests.experiment.sweeps.sweeps import rows_without_times, sweep_file
from tests.experiment.tiny_runs import run_command, snapshot, succeed, terminated_when
from tests.refusals import assert_refused
from tests.web_page import read_page

# Matplotlib warns of their own dependencies.
pytestmark = pytest.mark.filterwarnings("ignore")

_SHORT = '{"train.num_iterations": 20}'
_LONG = "{}"
_SHORT_NAME, _LONG_NAME = "num_iterations=20/seed-0", "base/seed-0"
_BAD = '{"interest_evolution.slate_size": 9}'


def _bindings(num_iterations: int) -> list[str]:
    return [
        "sweep.num_processes = 2",
        (
            f"sweep.gin_bindings = ('train.num_iterations = {num_iterations}', 'train.log_interval"
            " = 20', 'experiment.baselines = ()')"
        ),
    ]


def _by_trial(root: Path) -> dict[str, dict]:
    return {row["trial"]: row for row in rows_without_times(root)}


def _is_free(run: Path) -> bool:
    try:
        with locked(run):
            return True
    except UsageError:
        return False


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A sweep that SIGTERM stopped when its short trial was finished and its long one was running:
    its folder, exit status and last line.
    """
    folder = tmp_path_factory.mktemp("stopped")
    root, file = folder / "sweep", sweep_file(folder, _SHORT, _LONG)
    bindings = [f"--gin_bindings={binding}" for binding in _bindings(1_000_000)]
    results, long = root / "trials" / _SHORT_NAME / "results.json", root / "trials" / _LONG_NAME
    with (
        contextlib.redirect_stderr(io.StringIO()) as errors,
        terminated_when(lambda: results.exists() and checkpoints.numbers(long / "checkpoints")),
    ):
        code = cli.run(["sweep", f"--root_dir={root}", f"--sweep_file={file}", *bindings])
    return root, code, errors.getvalue().splitlines()[-1]


@pytest.fixture(scope="module")
def resumed(stopped):
    """The same sweep with a trial more, run to its end in two shards: its folder, its iterations,
    and what was there of the finished trial before.
    """
    root, *_ = stopped
    done = RunDirectory(root / "trials" / _LONG_NAME).metrics()[-1]["iteration"]
    before = snapshot(root / "trials" / _SHORT_NAME)
    file = sweep_file(root.parent, _SHORT, _LONG, _BAD)
    for shard in (Shard(0, 2), Shard(1, 2)):
        run_sweep(str(root), file, _bindings(done + 20), shard=shard)
    return root, done + 20, before


@pytest.mark.slow
def test_sigterm_stops_the_trials_with_checkpoints(stopped):
    root, code, line = stopped
    assert code == 128 + signal.SIGTERM
    assert line.endswith(
        "stopped with 1 of 2 trials done, the others keep their checkpoints; run the same command"
        " to go on"
    )
    assert _is_free(root / "trials" / _LONG_NAME)
    assert "stopped at iteration" in (root / "trials" / f"{_LONG_NAME}.log").read_text()
    assert not (root / "trials" / f"{_LONG_NAME}.outcome.json").exists()


@pytest.mark.slow
def test_a_stopped_sweep_goes_on_with_what_is_not_finished(resumed):
    root, num_iterations, before = resumed
    assert snapshot(root / "trials" / _SHORT_NAME) == before
    log = (root / "trials" / f"{_LONG_NAME}.log").read_text()
    assert f"Going on from iteration {num_iterations - 20:,} of {num_iterations:,}" in log
    results = json.loads((root / "trials" / _LONG_NAME / "results.json").read_text())
    assert results["train"]["iterations"] == num_iterations


@pytest.mark.slow
def test_a_failed_trial_is_told_and_the_others_go_on(resumed, capfd):
    root, num_iterations, _ = resumed
    rows = _by_trial(root)
    assert {name: row["status"] for name, row in rows.items()} == {
        _SHORT_NAME: "finished",
        _LONG_NAME: "finished",
        "slate_size=9/seed-0": "failed",
    }
    error = "slate_size must be in [1, num_candidates=5], got 9"
    assert rows["slate_size=9/seed-0"]["error"] == error
    assert error in read_page(root / "summary.html").text
    # The shard without it has nothing to run, and the command still tells the failure.
    bindings = [f"--gin_bindings={binding}" for binding in _bindings(num_iterations)]
    options = [f"--root_dir={root}", f"--sweep_file={root.parent / 'sweep.gin'}", "--shard=1/2"]
    code, output, errors = run_command(capfd, "sweep", *options, *bindings)
    assert code == 1, errors
    assert f"Failed: slate_size=9/seed-0: {error}" in output
    assert "3 trials: 2 finished, 1 failed. Results in" in output


def test_a_dry_run_lists_the_trials_and_writes_nothing(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    sweep = [
        "sweep",
        "--root_dir=sweep",
        "--sweep_file=sweeps/quickstart.gin",
        "--gin_bindings=sweep.seeds = (7,)",
    ]
    output = succeed(capfd, *sweep, "--dry_run")
    head, _, first, second, total = output.splitlines()
    assert head.split() == ["status", "trial", "iterations"]
    assert (first.split()[:2], second.split()[:2]) == (
        ["pending", "clock=rewards/seed-7"],
        ["pending", "clock=steps/seed-7"],
    )
    assert total.startswith("2 trials, 600 iterations")
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_of_which_no_trial_can_start_says_so_before_anything_starts(tmp_path):
    file = sweep_file(tmp_path, _BAD, '{"experiment.num_users": 0}')
    message = r"no trial can start: trial slate_size=9/seed-0: slate_size must be in \[1, num_can"
    with pytest.raises(UsageError, match=message):
        run_sweep(str(tmp_path / "sweep"), file)
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize(
    ("binding", "options", "message"),
    [
        ("", {"ray_address": "localhost:1"}, "--ray_address is an option of --engine=ray"),
        ("", {"shard": Shard(1, 2)}, "--shard must have a trial, got 1/2 for 1 trials"),
    ],
)
def test_bad_input_is_named_before_anything_starts(tmp_path, binding, options, message):
    file, root = sweep_file(tmp_path, _LONG), tmp_path / "sweep"
    assert_refused(lambda: run_sweep(str(root), file, [binding], **options), message)
    assert not root.exists()
