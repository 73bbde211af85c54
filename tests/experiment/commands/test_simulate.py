# SPDX-License-Identifier: Apache-2.0
import json

import gin
import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.experiment import building, config
from recsim_tf.experiment.commands import simulate
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.logs import episodes, from_episodes
from recsim_tf.policies import random_policy
from tests.experiment.tiny_runs import read_csv
from tests.refusals import assert_refused


@pytest.mark.slow
def test_an_episode_file_is_written_in_pieces_of_different_users(tmp_path, monkeypatch):
    monkeypatch.setattr(simulate, "_USERS_AT_ONCE", 4)
    bindings = [
        "simulate.simulator = @interest_exploration()",
        "simulate.policies = ('ucb1',)",  # has a policy state
        "simulate.log_steps = 3",
        "Evaluation.num_users = 10",
        "Evaluation.max_steps = 2",
    ]
    folder = RunDirectory(tmp_path / "run", config.load([], bindings))
    building.simulate(folder, episode_file=str(tmp_path / "run" / "log"))
    trajectory = episodes.read(
        tmp_path / "run" / "log", recsim_tf.interest_exploration()
    ).trajectory()
    assert trajectory.transitions.reward.shape == [3, 10]
    assert len({tuple(affinity) for affinity in trajectory.initial.user.affinity.numpy()}) == 10


@pytest.mark.slow
@pytest.mark.parametrize("users_per_world", [6, None])
def test_pieces_of_an_episode_file_are_whole_worlds(tmp_path, monkeypatch, users_per_world):
    monkeypatch.setattr(simulate, "_USERS_AT_ONCE", 4)
    bindings = [
        "simulate.simulator = @make()",
        "make.environment_id = 'News-v0'",
        f"make.users_per_world = {users_per_world}",
        "simulate.log_steps = 3",
        "Evaluation.num_users = 12",
        "Evaluation.max_steps = 2",
    ]
    folder = RunDirectory(tmp_path / "run", config.load([], bindings))
    building.simulate(folder, episode_file=str(tmp_path / "log"))
    simulator = recsim_tf.make("News-v0", users_per_world=users_per_world)
    trajectory = episodes.read(tmp_path / "log", simulator).trajectory()
    assert trajectory.transitions.reward.shape == [3, 12]
    assert np.isfinite(simulator.log_prob(trajectory).user).all()
    corpora = tf.nest.flatten(trajectory.initial.corpus)
    assert {len(leaf) for leaf in corpora} == {12 // (users_per_world or 12)}
    with pytest.raises(ValueError, match="a corpus for each user if logging is given"):
        from_episodes(tmp_path / "log", simulator, logging=random_policy(simulator))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Matplotlib warns of its own dependencies.
def test_a_packaged_baseline_is_simulated_beside_others_on_the_same_users(tmp_path, capsys):
    bindings = [
        "Evaluation.num_users = 64",
        "Evaluation.max_steps = 30",
        "simulate.policies = ('random', 'oracle')",
    ]
    configuration = config.load(["interest_evolution/oracle.gin"], bindings)
    folder = RunDirectory(tmp_path / "run", configuration)
    random, oracle = building.simulate(folder)["policies"]
    assert (random["name"], oracle["name"]) == ("Random", "Oracle")
    assert random["mean_quality"] < oracle["mean_quality"]
    assert (folder.path / "returns.png").read_bytes()[:4] == b"\x89PNG"
    assert "Oracle" in capsys.readouterr().out
    rows = read_csv(tmp_path / "run" / "sessions.csv")
    assert [(row["policy"], row["user"]) for row in rows] == [
        (name, f"{user}") for name in ("Random", "Oracle") for user in range(64)
    ]


@pytest.mark.parametrize(
    ("environment", "policies", "message"),
    [
        ("interest_exploration", "('myopic',)", "the affinity <user, document> needs vectors"),
        ("interest_evolution", "()", r"policies must hold at least one policy, got \(\)"),
    ],
)
def test_a_policy_that_does_not_suit_the_environment_is_refused_before_anything_is_written(
    tmp_path, environment, policies, message
):
    bindings = [f"simulate.simulator = @{environment}()", f"simulate.policies = {policies}"]
    folder = RunDirectory(tmp_path / "run", config.load([], bindings))
    assert_refused(lambda: building.simulate(folder), message)
    assert list(tmp_path.iterdir()) == []


def _comparison_bindings(*bindings):
    values = '{"users.choice_model.no_click_mass": (2, 6.0), "documents.quality_scale": (0.1,)}'
    few = [
        "Evaluation.num_users = 4",
        "Evaluation.max_steps = 3",
        "simulate.simulator = @interest_exploration()",
    ]
    return [*few, f"Evaluation.compare = {values}", *bindings]


@pytest.mark.slow
def test_values_and_seeds_have_results_of_their_own(tmp_path, capsys):
    folder = RunDirectory(
        tmp_path / "run", config.load([], _comparison_bindings("Evaluation.seeds = (1, 2)"))
    )
    building.simulate(folder)
    policies = json.loads((folder.path / "results.json").read_text())["policies"]
    settings = [(mass, seed) for mass in (2, 6.0) for seed in (1, 2)]
    assert [
        (policy["values"]["users.choice_model.no_click_mass"], policy["seed"])
        for policy in policies
    ] == settings
    names = [
        f"Random [no_click_mass={mass}, quality_scale=0.1, seed={seed}]" for mass, seed in settings
    ]
    assert [policy["name"] for policy in policies] == names
    assert [line.split("]")[0] + "]" for line in capsys.readouterr().out.splitlines()[2:6]] == names
    rows = read_csv(folder.path / "sessions.csv")
    assert [(row["policy"], int(row["user"])) for row in rows] == [
        (name, user) for name in names for user in range(4)
    ]
    for policy, name in zip(policies, names, strict=True):
        returns = [float(row["return"]) for row in rows if row["policy"] == name]
        assert sum(returns) == pytest.approx(4 * policy["mean_return"])
    # Two parameters have no axis for a plot.
    assert not (folder.path / "values.png").exists()


@pytest.mark.slow
def test_what_a_comparison_records_loads_and_gives_the_same_again(tmp_path):
    bindings = [
        *_comparison_bindings(),
        'Evaluation.compare = {"users.choice_model.no_click_mass": (2, 6.0)}',
    ]
    first = building.simulate(RunDirectory(tmp_path / "run", config.load([], bindings)))
    assert (tmp_path / "run" / "values.png").stat().st_size > 1000
    recorded = tmp_path / "run" / "operative_config.gin"
    again = RunDirectory(
        tmp_path / "again",
        config.load([str(recorded)], ["simulate.simulator = @interest_exploration()"]),
    )
    assert building.simulate(again)["policies"] == first["policies"]


def test_a_log_of_several_values_is_refused_before_anything_is_written(tmp_path):
    folder = RunDirectory(tmp_path / "run", config.load([], _comparison_bindings()))
    with pytest.raises(ValueError, match="episode_file holds sessions of one policy, environment"):
        building.simulate(folder, episode_file=str(tmp_path / "log"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_python_needs_no_configuration_and_names_policies_by_a_dictionary(tmp_path):
    gin.clear_config()
    simulator = recsim_tf.interest_exploration(slate_size=2, num_candidates=4)
    simulation = simulate.Simulation(simulator, {"shy": "random", "bold": random_policy})
    evaluation = Evaluation(num_users=50, max_steps=6)
    content = simulate.run_simulation(RunDirectory(tmp_path, ""), simulation, evaluation)
    shy, bold = content["policies"]
    assert (shy["name"], bold["name"]) == ("shy", "bold")
    expected = evaluation.evaluator("", simulator, random_policy(simulator))()["return"].value
    assert shy["mean_return"] == bold["mean_return"] == expected > 0
