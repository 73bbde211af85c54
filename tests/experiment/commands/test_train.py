# SPDX-License-Identifier: Apache-2.0
import json
import os
import re
import shutil
import signal
import time

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.trajectories import time_step as ts

from recsim_tf.experiment import building
from recsim_tf.experiment.commands import train
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.support import checkpoints
from recsim_tf.support.errors import UsageError, one_line
from recsim_tf.training import Training
from recsim_tf.training.devices import Devices
from tests.experiment.tiny_runs import (
    TINY,
    damage,
    open_run,
    run_command,
    snapshot,
    start_command,
    without_times,
)

# Matplotlib and PolicySaver warn of their own dependencies.
pytestmark = pytest.mark.filterwarnings("ignore")

_ENDLESS = "--gin_bindings=train.num_iterations = 1000000"


@pytest.mark.slow
def test_a_run_leaves_its_results(finished):
    folder, results = finished
    assert json.loads((folder / "results.json").read_text()) == results
    assert [policy["name"] for policy in results["policies"]] == ["Random", "Oracle", "SlateQ"]
    for policy in results["policies"]:
        assert policy["episodes"] == 64
        assert policy["standard_error"] > 0
    assert results["train"]["iterations"] == 40
    assert results["train"]["env_steps"] == 640
    assert results["train"]["train_steps"] == 40
    assert (folder / "learning_curve.png").read_bytes()[:4] == b"\x89PNG"
    assert "Learning.average_tau = 0.01" in (folder / "operative_config.gin").read_text()
    assert list((folder / "tensorboard").iterdir())


def test_metrics_are_logged_under_recsims_names(finished):
    folder, _ = finished
    rows = RunDirectory(folder).metrics()
    assert [row["iteration"] for row in rows] == [0, 10, 20, 30, 40]
    assert {"CTR/train", "TimePerStep/train", "Losses/Loss", "Losses/td_loss"} <= set(rows[-1])
    names = ("AverageEpisodeRewards", "AverageEpisodeLength", "StdEpisodeRewards")
    assert {f"{name}/eval" for name in names} <= set(rows[-1])


@pytest.mark.slow
def test_the_exported_policy_acts_on_any_number_of_users(finished):
    folder, _ = finished
    run = open_run(folder)
    parts = Training()
    run.restore_latest(parts.checkpoint)
    policy = tf.saved_model.load(str(folder / "policy"))
    observation = parts.simulator.observe(parts.simulator.reset(7, seed=5))
    step = ts.TimeStep(tf.fill([7], ts.StepType.MID), tf.zeros([7]), tf.ones([7]), observation)
    expected, _ = parts.policy.policy(observation, (), tf.constant([0, 1]))
    np.testing.assert_array_equal(policy.action(step).action, expected)


@pytest.mark.slow
def test_a_run_that_dies_before_its_last_file_is_not_finished_and_may_go_on_further(
    finished, tmp_path, monkeypatch
):
    folder = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(train.policy_saver, "PolicySaver", _full_disk)
        with pytest.raises(OSError, match="No space left"):
            building.train(open_run(folder, "train.num_iterations = 20"))
    assert not (folder / "results.json").exists()
    results = building.train(open_run(folder))
    assert results["policies"] == finished[1]["policies"]
    assert results["train"]["train_steps"] == 40
    assert (folder / "policy").is_dir()


def _full_disk(*arguments, **named):
    raise OSError(28, "No space left on device")


@pytest.mark.slow
def test_fewer_iterations_than_were_run_are_refused(finished):
    folder, _ = finished
    with pytest.raises(UsageError, match=r"train.num_iterations must be at least 40"):
        building.train(open_run(folder, "train.num_iterations = 10"))


@pytest.mark.slow
def test_bad_checkpoints_are_an_error_and_stay_as_they_are(finished, tmp_path):
    folder = shutil.copytree(finished[0], tmp_path / "run")
    for checkpoint in (folder / "checkpoints").iterdir():
        damage(checkpoint)
    before = snapshot(folder)
    with pytest.raises(ValueError, match="checkpoint") as caught:
        building.train(open_run(folder))
    assert str(caught.value).startswith(one_line(caught.value))
    assert snapshot(folder) == before


def _tensors(folder):
    """All that the last checkpoint holds, but the seconds of training."""
    found = {}
    for part in ("run", "replay"):
        reader = tf.train.load_checkpoint(str(folder / "checkpoints" / "40" / part))
        for name in reader.get_variable_to_shape_map():
            if "seconds" not in name and name != "_CHECKPOINTABLE_OBJECT_GRAPH":
                found[part, name] = reader.get_tensor(name)
    return found


def _assert_same_bits(folder, other):
    tensors, others = _tensors(folder), _tensors(other)
    assert tensors.keys() == others.keys()
    assert len(tensors) > 50
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(tensor, others[name], err_msg=str(name))
    assert (folder / "sessions.csv").read_bytes() == (other / "sessions.csv").read_bytes()


@pytest.mark.slow
def test_a_run_that_sigterm_stops_saves_a_checkpoint_and_goes_on_bit_for_bit(
    finished, tmp_path, monkeypatch, capfd
):
    folder, append = tmp_path / "run", RunDirectory.append_metrics

    def terminated(self, row):
        append(self, row)
        if row["iteration"] == 20:
            os.kill(os.getpid(), signal.SIGTERM)

    command = ("train", f"--root_dir={folder}", f"--gin_file={TINY}")
    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, "append_metrics", terminated)
        code, _, errors = run_command(capfd, *command)
    assert code == 128 + signal.SIGTERM
    last = errors.strip().splitlines()[-1]
    assert "stopped at iteration 30" in last
    assert "run the same command to go on" in last
    assert checkpoints.numbers(folder / "checkpoints") == [20, 30]
    building.train(open_run(folder))
    _assert_same_bits(folder, finished[0])


@pytest.mark.slow
def test_a_checkpoint_that_a_killed_process_did_not_remove_is_removed(finished, tmp_path):
    folder = shutil.copytree(finished[0], tmp_path / "run") / "checkpoints"
    shutil.copytree(folder / "20", folder / "10")
    open_run(tmp_path / "run")
    devices = Devices(tf.distribute.get_strategy())
    assert Training().checkpoints(folder, devices, 2).restore() == 40
    assert checkpoints.numbers(folder) == [20, 40]


def test_the_replay_is_in_the_newest_checkpoint_only(finished):
    parts = {
        path.name: {file.name.partition(".")[0] for file in path.iterdir()}
        for path in (finished[0] / "checkpoints").iterdir()
    }
    assert parts == {"20": {"run"}, "40": {"run", "replay"}}


@pytest.mark.slow
def test_a_run_goes_back_to_an_older_checkpoint_and_collects_its_replay_anew(
    finished, tmp_path, capsys
):
    folder = shutil.copytree(finished[0], tmp_path / "run")
    damage(folder / "checkpoints" / "40")
    results = building.train(open_run(folder))
    output, errors = capsys.readouterr()
    assert "Going on from iteration 20 of 40" in output
    first, second = errors.splitlines()[:2]
    assert re.match(r"recsim-tf: checkpoint .*40/run is corrupt .*: going back to 20$", first)
    assert re.match(r"recsim-tf: checkpoint .*20 has no replay that can be read", second)
    assert (results["train"]["iterations"], results["train"]["train_steps"]) == (40, 40)
    assert [row["iteration"] for row in RunDirectory(folder).metrics()] == [
        row["iteration"] for row in RunDirectory(finished[0]).metrics()
    ]


@pytest.mark.slow
def test_arguments_out_of_range_are_named_before_anything_is_written(tmp_path):
    for binding, message in (
        ("train.log_interval = 0", "log_interval must be an integer of at least 1"),
        (
            "SlateQTargets.num_steps = 9",
            "train.warmup_iterations must be at least 10 for SlateQ, which learns from that many",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            building.train(open_run(tmp_path / "run", binding))
        assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_results(finished, tmp_path, capsys):
    folder = tmp_path / "run"
    process = start_command("train", f"--root_dir={folder}", f"--gin_file={TINY}")
    while not checkpoints.numbers(folder / "checkpoints"):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (folder / "results.json").exists()
    results = building.train(open_run(folder))
    assert "Going on from iteration" in capsys.readouterr().out
    assert results["policies"] == finished[1]["policies"]
    assert without_times(RunDirectory(folder).metrics()) == without_times(
        RunDirectory(finished[0]).metrics()
    )
