# SPDX-License-Identifier: Apache-2.0
import json
import shutil
import time
import types
import unittest.mock

import pytest
import tensorflow as tf

from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.experiment.commands.evaluate import watch_run
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.support import checkpoints
from recsim_tf.support.errors import UsageError
from recsim_tf.training import Training
from tests.experiment.tiny_runs import (
    TINY,
    damage,
    open_run,
    read_csv,
    run_command,
    snapshot,
    start_command,
)
from tests.refusals import assert_refused

# Matplotlib and PolicySaver warn of their own dependencies.
pytestmark = pytest.mark.filterwarnings("ignore")


def _lines(folder):
    return [json.loads(line) for line in (folder / "evaluations.jsonl").read_text().splitlines()]


def _watch(folder, num_iterations=40, timeout=0.5):
    open_run(folder)
    return watch_run(RunDirectory(folder), Training(), Evaluation(), num_iterations, timeout)


@pytest.mark.slow
def test_the_last_checkpoint_gives_what_the_training_found(finished, tmp_path, capsys):
    folder = shutil.copytree(finished[0], tmp_path / "run")
    before = snapshot(folder)
    # It ends though the run has not come so far.
    assert _watch(folder, num_iterations=60) == 1
    (line,) = _lines(folder)
    (expected,) = (policy for policy in finished[1]["policies"] if policy["name"] == "SlateQ")
    assert (line["iteration"], line["env_steps"]) == (40, 640)
    assert line["AverageEpisodeRewards/eval"] == expected["mean_return"]
    assert line["TimePerStep/eval"] > 0
    assert (
        line["cluster_watch_count_frac/no_click/eval"]
        == expected["cluster_watch_count_frac"]["no_click"]
    )
    rows = [row for row in read_csv(folder / "sessions.csv") if row["policy"] == "SlateQ"]
    assert read_csv(folder / "evaluations" / "agent_sessions-40.csv") == rows
    assert list((folder / "tensorboard_evaluate").iterdir())
    assert capsys.readouterr().out.splitlines()[-1].startswith("SlateQ at iteration 40: return ")
    after = snapshot(folder)
    assert {name: after[name] for name in before} == before


@pytest.mark.slow
def test_checkpoints_meet_the_same_users_and_a_deleted_one_is_passed_over(
    finished, tmp_path, monkeypatch
):
    folder = shutil.copytree(finished[0], tmp_path / "run")
    # 30 is deleted when the training process goes on.
    monkeypatch.setattr(checkpoints, "watch", lambda *_: iter((20, 30, 20, 40)))
    assert _watch(folder) == 3
    first, again, last = _lines(folder)
    assert [first["iteration"], again["iteration"], last["iteration"]] == [20, 20, 40]
    assert first | {"TimePerStep/eval": 0} == again | {"TimePerStep/eval": 0}
    assert first["StdEpisodeRewards/eval"] != last["StdEpisodeRewards/eval"]


@pytest.mark.slow
def test_a_corrupt_checkpoint_that_stays_is_an_error(finished, tmp_path):
    folder = shutil.copytree(finished[0], tmp_path / "run")
    damage(folder / "checkpoints" / "40")
    assert_refused(lambda: _watch(folder), r"checkpoint .*40/run is corrupt")


def test_an_error_closes_the_summaries(tmp_path, monkeypatch):
    closed = []
    writer = types.SimpleNamespace(close=lambda: closed.append(True))
    monkeypatch.setattr(tf.summary, "create_file_writer", lambda *_: writer)
    monkeypatch.setattr(checkpoints, "watch", unittest.mock.Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        watch_run(open_run(tmp_path), unittest.mock.Mock(), unittest.mock.Mock(), 40)
    assert closed


@pytest.mark.slow
def test_it_ends_when_no_checkpoint_comes(finished, tmp_path):
    folder = shutil.copytree(finished[0], tmp_path / "run")
    shutil.rmtree(folder / "checkpoints")
    with pytest.raises(UsageError, match=r"had no checkpoint within --watch_timeout=0.5 seconds"):
        _watch(folder)


def test_a_timeout_out_of_range_is_named_before_anything_else(tmp_path):
    for timeout in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(
            UsageError, match=f"watch_timeout must be a positive number of seconds, got {timeout}"
        ):
            watch_run(open_run(tmp_path), None, None, 40, timeout)


@pytest.mark.slow
def test_a_run_is_watched_to_its_last_iteration_while_another_process_trains_it(tmp_path, capfd):
    folder = tmp_path / "run"
    arguments = (
        f"--gin_file={TINY}",
        "--gin_bindings=train.num_iterations = 120",
        "--gin_bindings=train.max_checkpoints = 1",
        "--gin_bindings=experiment.baselines = ()",
    )
    process = start_command("train", f"--root_dir={folder}", *arguments)
    while not checkpoints.numbers(folder / "checkpoints"):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    code, output, errors = run_command(
        capfd, "evaluate", f"--root_dir={folder}", "--watch", "--watch_timeout=60"
    )
    _, train_errors = process.communicate()
    assert process.returncode == 0, train_errors
    assert code == 0, errors
    lines = _lines(folder)
    assert lines[-1]["iteration"] == 120
    assert len(output.splitlines()) == len(lines)
    results = json.loads((folder / "results.json").read_text())
    assert lines[-1]["AverageEpisodeRewards/eval"] == results["policies"][-1]["mean_return"]
