import csv

import pytest

import recsim_tf
from recsim_tf.adapters import episodes
from recsim_tf.experiment import config, simulate
from recsim_tf.experiment.run_dir import RunDirectory


def test_an_episode_log_is_written_in_pieces_of_different_users(tmp_path, monkeypatch):
    monkeypatch.setattr(simulate, "_USERS_AT_ONCE", 4)
    bindings = [
        "simulate.simulator = @interest_exploration()",
        "simulate.policy = 'ucb1'",  # has a policy state
        "simulate.log_steps = 3",
        "Evaluation.num_users = 10",
        "Evaluation.max_steps = 2",
    ]
    folder = RunDirectory(tmp_path / "run", config.load([], bindings))
    simulate.simulate(folder, episode_log=str(tmp_path / "run" / "log"))
    trajectory = episodes.read(tmp_path / "run" / "log", recsim_tf.interest_exploration()).trajectory()
    assert trajectory.transitions.reward.shape == [3, 10]
    assert len({tuple(affinity) for affinity in trajectory.initial.user.affinity.numpy()}) == 10


def test_every_simulated_session_has_its_row(tmp_path):
    bindings = ["simulate.simulator = @interest_exploration()", "Evaluation.num_users = 10", "Evaluation.max_steps = 2"]
    folder = RunDirectory(tmp_path / "run", config.load([], bindings))
    (policy,) = simulate.simulate(folder)["policies"]
    with open(folder.path / "sessions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["policy"] for row in rows] == ["random"] * 10
    assert sum(float(row["return"]) for row in rows) == pytest.approx(10 * policy["mean_return"])
    assert policy["cluster_watch_count_frac"]["no_click"] == pytest.approx(1 - policy["click_rate"])
