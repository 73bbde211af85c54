import csv
import json

import gin
import pytest

import recsim_tf
from recsim_tf.adapters import episodes
from recsim_tf.experiment import config, simulate
from recsim_tf.experiment.runs.folder import RunDirectory


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
    trajectory = episodes.read(
        tmp_path / "run" / "log", recsim_tf.interest_exploration()
    ).trajectory()
    assert trajectory.transitions.reward.shape == [3, 10]
    assert len({tuple(affinity) for affinity in trajectory.initial.user.affinity.numpy()}) == 10


def test_every_simulated_session_has_its_row(tmp_path):
    bindings = [
        "simulate.simulator = @interest_exploration()",
        "Evaluation.num_users = 10",
        "Evaluation.max_steps = 2",
    ]
    folder = RunDirectory(tmp_path / "run", config.load([], bindings))
    (policy,) = simulate.simulate(folder)["policies"]
    with open(folder.path / "sessions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["policy"] for row in rows] == ["random"] * 10
    assert sum(float(row["return"]) for row in rows) == pytest.approx(10 * policy["mean_return"])
    assert policy["cluster_watch_count_frac"]["no_click"] == pytest.approx(1 - policy["click_rate"])


def _sweep_bindings(*bindings):
    values = (
        '{"InterestExplorationUsers.no_click_mass": (2, 6.0),'
        ' "InterestExplorationUsers.min_normalizer": (0.0,)}'
    )
    few = [
        "Evaluation.num_users = 4",
        "Evaluation.max_steps = 3",
        "simulate.simulator = @interest_exploration()",
    ]
    return [*few, f"Evaluation.values = {values}", *bindings]


def test_values_and_seeds_have_results_of_their_own(tmp_path, capsys):
    folder = RunDirectory(
        tmp_path / "run", config.load([], _sweep_bindings("Evaluation.seeds = (1, 2)"))
    )
    simulate.simulate(folder)
    policies = json.loads((folder.path / "results.json").read_text())["policies"]
    settings = [(mass, seed) for mass in (2, 6.0) for seed in (1, 2)]
    assert [
        (policy["values"]["InterestExplorationUsers.no_click_mass"], policy["seed"])
        for policy in policies
    ] == settings
    names = [
        f"random [no_click_mass={mass}, min_normalizer=0.0, seed={seed}]" for mass, seed in settings
    ]
    assert [policy["name"] for policy in policies] == names
    assert [line.split("]")[0] + "]" for line in capsys.readouterr().out.splitlines()[2:6]] == names
    with open(folder.path / "sessions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["policy"], int(row["user"])) for row in rows] == [
        (name, user) for name in names for user in range(4)
    ]
    for policy, name in zip(policies, names, strict=True):
        returns = [float(row["return"]) for row in rows if row["policy"] == name]
        assert sum(returns) == pytest.approx(4 * policy["mean_return"])
    # Two parameters have no axis for a plot.
    assert not (folder.path / "values.png").exists()


def test_what_a_sweep_records_loads_and_gives_the_same_again(tmp_path):
    bindings = [
        *_sweep_bindings(),
        'Evaluation.values = {"InterestExplorationUsers.no_click_mass": (2, 6.0)}',
    ]
    first = simulate.simulate(RunDirectory(tmp_path / "run", config.load([], bindings)))
    assert (tmp_path / "run" / "values.png").stat().st_size > 1000
    recorded = tmp_path / "run" / "operative_config.gin"
    again = RunDirectory(
        tmp_path / "again",
        config.load([str(recorded)], ["simulate.simulator = @interest_exploration()"]),
    )
    assert gin.query_parameter("InterestExplorationUsers.no_click_mass") == 5.0
    assert simulate.simulate(again)["policies"] == first["policies"]


def test_a_log_of_several_values_is_refused_before_anything_is_written(tmp_path):
    folder = RunDirectory(tmp_path / "run", config.load([], _sweep_bindings()))
    with pytest.raises(ValueError, match="episode_log holds sessions of one environment and seed"):
        simulate.simulate(folder, episode_log=str(tmp_path / "log"))
    assert list(tmp_path.iterdir()) == []
