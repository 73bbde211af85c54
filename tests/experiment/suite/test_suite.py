# SPDX-License-Identifier: Apache-2.0
"""The suite: scores of finished trials, its files, and what it refuses."""

import csv
import json

import pytest

from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.experiment import config
from recsim_tf.experiment.commands.simulate import Simulation
from recsim_tf.experiment.comparing import environments
from recsim_tf.experiment.gin.bindings import built
from recsim_tf.experiment.suite import run_suite
from recsim_tf.experiment.suite.protocol import PROTOCOL
from recsim_tf.experiment.suite.scores import Entry, Environment, Score
from recsim_tf.experiment.sweeps.plan import Sweep, plan
from recsim_tf.experiment.sweeps.results import IntervalEstimate
from recsim_tf.experiment.sweeps.sweep_folder import SweepDirectory
from recsim_tf.optima.bound import Bound
from recsim_tf.support.files import write_json
from tests.experiment.sweeps.sweeps import claim, finish
from tests.experiment.tiny_runs import TINY
from tests.refusals import assert_refused

# Matplotlib warns of its own dependencies.
pytestmark = pytest.mark.filterwarnings("ignore")

_RULES = f"include {TINY!r}\nsimulate.policies = ('random', 'myopic')\nEvaluation.num_users = 100\n"


@pytest.fixture
def suite(tmp_path, monkeypatch):
    """A folder with the finished trials of two agents with two seeds, and the file of its suite."""
    bound = Bound(371.0, 3.0, "bound", "No policy earns more.")
    monkeypatch.setattr("recsim_tf.experiment.suite.scores.bounds", lambda simulator: bound)
    (tmp_path / "rules.gin").write_text(_RULES)
    trials = []
    for agent in ("first", "second"):
        (tmp_path / f"{agent}.gin").write_text("train.log_interval = 20\n")
        files = str(tmp_path / f"{agent}.gin"), str(tmp_path / "rules.gin")
        trials.append({"gin_file": files})
    file = tmp_path / "suite.gin"
    file.write_text(
        f"suite.rules = ({str(tmp_path / 'rules.gin')!r},)\nsweep.trials = @listed()\n"
        f"listed.trials = {trials!r}\nsweep.seeds = (0, 1)\n"
    )
    config.load([str(file)], ())
    folder = SweepDirectory(str(tmp_path / "suite"), plan(built(Sweep, "sweep")))
    claim(folder)
    config.load([str(tmp_path / "rules.gin")], ())
    simulator = built(Simulation, "simulate").simulator
    content = environments.content_of(simulator, Evaluation(), "")
    for number, trial in enumerate(folder.trials):
        files = folder.files[trial.name]
        finish(files, trial.config, 150.0 + 10 * number, own={"episodes": 100})
        write_json(files.run / environments.FILE, content)
    return folder, str(file)


def test_a_score_is_a_share_of_the_way_from_random_slates_to_the_bound(suite, capfd):
    folder, file = suite
    run_suite(str(folder.path), file)
    content = json.loads((folder.path / "suite.json").read_text())
    (environment,) = content["environments"].values()
    headroom = environment["bound"]["value"] - environment["random"]
    by_name = environment["policies"]
    assert by_name.keys() == {"Random", "Myopic", "first", "second"}
    assert by_name["Random"]["score"]["value"] == 0
    # The seeds of "first" have returns of 150 and 160, which is the mean of two seeds.
    assert by_name["first"]["value"] == 155
    expected = (155 - environment["random"]) / headroom
    assert by_name["first"]["score"]["value"] == pytest.approx(expected)
    assert content["figures"]["suite.environments_with_bound"] == 1
    assert content["figures"]["suite.violations"] == 0
    with open(folder.path / "suite.csv") as table:
        assert next(csv.DictReader(table))["policy"] == "second"
    output = capfd.readouterr().out
    assert "Agents with fewer than 5 seeds: 2, such as first" in output
    assert "Policies were evaluated by 100 sessions" in output


def test_a_suite_goes_on_without_a_simulation_or_a_bound_of_its_own(suite):
    folder, file = suite
    run_suite(str(folder.path), file)
    results, bounds = folder.path / "rules/rules/results.json", folder.path / "bounds.json"
    kept = results.stat().st_mtime_ns, bounds.stat().st_size
    before = json.loads((folder.path / "suite.json").read_text())
    run_suite(str(folder.path), file)
    assert (results.stat().st_mtime_ns, bounds.stat().st_size) == kept
    after = json.loads((folder.path / "suite.json").read_text())
    assert after["environments"] == before["environments"]


def test_a_suite_of_another_protocol_is_refused(suite):
    folder, file = suite
    write_json(folder.path / "suite.json", {"protocol": "suite-0", "figures": {}})
    assert_refused(
        lambda: run_suite(str(folder.path), file),
        "holds a suite by the protocol suite-0, this is suite-1: choose another root_dir",
    )


def test_a_trial_of_an_environment_without_rules_is_refused(suite, tmp_path):
    folder, file = suite
    rules = tmp_path / "news.gin"
    rules.write_text("simulate.simulator = @news()\nEvaluation.num_users = 200\n")
    assert_refused(
        lambda: run_suite(str(folder.path), file, [f"suite.rules = ({str(rules)!r},)"]),
        "suite.rules must have a config of interest_evolution, the environment of trial",
    )


def test_a_trial_with_other_users_is_refused(suite):
    folder, file = suite
    trial = folder.files[folder.trials[0].name]
    content = json.loads((trial.run / environments.FILE).read_text())
    content["parts"]["users.time_budget"] = "7"
    write_json(trial.run / environments.FILE, content)
    assert_refused(
        lambda: run_suite(str(folder.path), file), "must have the environment of .*/rules/rules"
    )


def test_the_interval_of_a_score_has_the_errors_of_all_three():
    random = {"mean_return": 50.0, "standard_error": 3.0}
    bound = Bound(150.0, 4.0, "bound", "")
    estimate = IntervalEstimate(100.0, 100 - 1.96 * 2, 100 + 1.96 * 2, "mean")
    score = Score.of(estimate, random, bound)
    assert score.value == 0.5
    half = 1.96 * (2**2 + (0.5 * 3) ** 2 + (0.5 * 4) ** 2) ** 0.5 / 100
    assert score.low == pytest.approx(0.5 - half)
    assert score.high == pytest.approx(0.5 + half)


def _environment(value: float, score: float | None, error: float = 0.0) -> Environment:
    bound = Bound(100.0, error, "optimum", "")
    scored = None if score is None else Score(score, score, score)
    entry = Entry("agent", True, 5, value, value - 1.96, value + 1.96, 1e6, 60.0, scored)
    return Environment("shop", 50.0, bound, [entry], "")


def test_a_return_above_a_bound_by_two_standard_errors_is_a_violation():
    assert not _environment(101.9, 1.04).violations
    assert _environment(102.1, 1.04).violations == ["agent"]
    assert not _environment(102.1, 1.04, error=1.0).violations


def test_nine_tenths_of_the_headroom_solve_an_environment():
    assert _environment(95.0, 0.9).is_solved
    assert not _environment(94.0, 0.88).is_solved
    assert not _environment(94.0, None).is_solved


def test_an_environment_without_headroom_has_no_scores(suite, monkeypatch):
    folder, file = suite
    low = Bound(1.0, 0.0, "bound", "None is higher.")
    monkeypatch.setattr("recsim_tf.experiment.suite.scores.bounds", lambda simulator: low)
    run_suite(str(folder.path), file)
    (environment,) = json.loads((folder.path / "suite.json").read_text())["environments"].values()
    assert environment["reason"] == "random slates earn as much as any"
    assert all(each["score"] is None for each in environment["policies"].values())
    assert environment["violations"]


def test_an_environment_without_a_bound_says_why(suite, monkeypatch):
    folder, file = suite
    monkeypatch.setattr("recsim_tf.experiment.suite.scores.bounds", lambda simulator: None)
    run_suite(str(folder.path), file)
    (environment,) = json.loads((folder.path / "suite.json").read_text())["environments"].values()
    assert environment["reason"] == "no bound is known"
    assert environment["bound"] is None
    assert "no bound is known" in (folder.path / "suite.html").read_text()


def test_the_protocol_names_a_training_that_is_too_long(suite):
    folder, file = suite
    result = run_suite(str(folder.path), file)
    long = result.trials[0]._replace(measured={"env_steps": 6e6})
    (sentence,) = [s for s in PROTOCOL.departures([long], []) if "user steps" in s]
    assert sentence.endswith("was trained for 6,000,000 user steps.")
