# SPDX-License-Identifier: Apache-2.0
"""`recsim-tf ope`."""

import json

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf import interest_evolution, logs, ope
from recsim_tf.adapters.tf_agents import SavedPolicy
from recsim_tf.experiment import building, config
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.logs import episodes
from recsim_tf.policies import softmax_policy
from tests.experiment.tiny_runs import open_run
from tests.refusals import assert_refused

NAME = "ope/interest_evolution.gin"
SMALL = ["run_ope.num_sessions = 60", "run_ope.num_simulated = 100", "run_ope.num_truth = 200"]
SMALL += ["run_ope.num_steps = 2", "run_ope.estimators = ('snips', 'simulated', 'calibrated')"]
ONE = "run_ope.policies = {'it': @sharper/softmax_policy}"


def run(folder, *bindings, files=(NAME,)):
    """The figures of the policies."""
    text = config.load(files, [*SMALL, *bindings])
    return building.ope(RunDirectory(folder, text))["policies"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Matplotlib warns of its own dependencies.
def test_policies_are_judged_in_a_folder(tmp_path, capsys):
    content = run(tmp_path / "run")
    assert set(content) == {"sharper", "a little sharper"}
    written = json.loads((tmp_path / "run" / "ope.json").read_text())
    assert set(written) == {"schema", "policies", "findings", "requirements"}
    assert (written["schema"], written["policies"]) == (1, content)
    for found in content.values():
        assert set(found["estimates"]) == {"snips", "simulated", "calibrated"}
        assert np.isfinite(found["truth"]["value"])
    assert (tmp_path / "run" / "estimates.png").is_file()
    assert "sharper: what would it earn?" in (tmp_path / "run" / "report.html").read_text()
    printed = capsys.readouterr().out
    assert "sharper would earn" in printed or "No estimate for sharper" in printed
    assert "the log itself" in printed


@pytest.mark.slow
def test_an_episode_file_brings_its_probabilities(tmp_path):
    """As `recsim-tf simulate` writes it; the policy that logged is not given again."""
    sizes = ["interest_evolution.slate_size = 3", "Evaluation.num_users = 30"]
    sizes += ["Evaluation.max_steps = 3", "simulate.log_steps = 3"]
    policies = ["simulate.policies = (@softmax_policy,)", "softmax_policy.sharpness = 2.0"]
    text = config.load(["interest_evolution/random.gin"], [*sizes, *policies])
    path = tmp_path / "log"
    building.simulate(RunDirectory(tmp_path / "simulated", text), episode_file=str(path))
    bindings = [f"run_ope.log = '{path}'", "run_ope.logging = None", ONE]
    content = run(tmp_path / "run", *bindings, "run_ope.estimators = ('snips',)")
    simulator = interest_evolution(slate_size=3, num_candidates=10)
    log = logs.from_episodes(path, simulator)
    given = logs.from_episodes(path, simulator, logging=softmax_policy(simulator, 2.0))
    assert log.num_sessions == 30
    np.testing.assert_allclose(log.propensity.prefix, given.propensity.prefix, atol=1e-6)
    policy = softmax_policy(simulator, 9.0)
    expected = ope.evaluate(policy, log)["snips"].value
    np.testing.assert_allclose(content["it"]["estimates"]["snips"]["value"], expected, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Matplotlib warns of its own dependencies.
def test_discount_and_logging_policy_count_for_an_episode_file(tmp_path):
    """Also where the file has probabilities, here those of uniform slates."""
    simulator = interest_evolution(slate_size=3, num_candidates=10)
    logging, policy = (softmax_policy(simulator, sharpness) for sharpness in (6.0, 9.0))
    path = tmp_path / "log"
    with episodes.Writer(path, simulator) as writer:
        uniform = np.broadcast_to(-np.log([10, 90, 720]), [2, 60, 3])
        writer.add(simulator.rollout(logging, 60, 2, seed=0), uniform)
    bindings = [f"run_ope.log = '{path}'", "softmax_policy.sharpness = 6.0", ONE]
    bindings += ["run_ope.gamma = 0.5", "run_ope.truth = None", "run_ope.estimators = ('ips',)"]
    content = run(tmp_path / "run", *bindings)
    log, weights, expected = logs.from_episodes(path, simulator), np.ones(60), 0.0
    for step, discount in enumerate([1, 0.5]):
        seen = tf.nest.map_structure(
            lambda leaf, step=step: tf.constant(leaf[:, step]), log.observation
        )
        of_logging, of_policy = (
            each.log_prob(seen, log.slate[:, step]).numpy() for each in (logging, policy)
        )
        weights *= np.exp(of_policy - of_logging)
        expected += discount * (weights * log.earned[:, step].sum(1)).mean()
    assert content["it"]["estimates"]["ips"]["value"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Matplotlib warns of its own dependencies.
def test_the_truth_is_of_sessions_as_long_as_the_logs_with_their_discount(tmp_path):
    content = run(tmp_path / "run", ONE, "run_ope.gamma = 0.5", "run_ope.estimators = ('ips',)")
    simulator = interest_evolution(slate_size=3, num_candidates=10)
    truth = ope.truth(simulator, softmax_policy(simulator, 9.0), 2, 200, seed=2, gamma=0.5)
    assert content["it"]["truth"]["value"] == pytest.approx(truth.value)


def judged_table(tmp_path, *bindings):
    """Policies judged from a table whose target shows document 1, which earns, 1.6 times as often
    as the policy that logged.
    """
    names = "session,position,document,reward,propensity,target_propensity"
    rows = [f"{row},0,{row % 2},{row % 2},0.5,{0.2 + 0.6 * (row % 2)}" for row in range(100)]
    path = tmp_path / "log.csv"
    path.write_text("\n".join([names, *rows]))
    text = config.load([], [f"run_ope.log = '{path}'", *bindings])
    return building.ope(RunDirectory(tmp_path / "run", text))["policies"]


def test_a_table_brings_the_probabilities_of_both_policies(tmp_path):
    content = judged_table(tmp_path, "run_ope.estimators = ('ips',)")
    assert content["target policy"]["estimates"]["ips"]["value"] == pytest.approx(0.8)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Matplotlib warns of its own dependencies.
def test_a_table_brings_the_weights_of_a_policy_that_acts_in_a_model(tmp_path):
    bindings = ["run_ope.estimators = ('snips', 'calibrated')", "run_ope.num_simulated = 50"]
    bindings += ["run_ope.model = @interest_evolution()", "interest_evolution.slate_size = 1"]
    bindings += ["run_ope.logging = 'random'", "run_ope.policies = {'it': @softmax_policy}"]
    estimates = judged_table(tmp_path, *bindings)["it"]["estimates"]
    assert estimates["snips"]["value"] == pytest.approx(0.8)
    assert np.isfinite(estimates["calibrated"]["value"])


@pytest.mark.filterwarnings("ignore")  # Matplotlib and PolicySaver warn of their dependencies.
@pytest.mark.slow
def test_a_trained_agent_is_judged_from_the_sessions_in_which_it_explored(tmp_path):
    trained = tmp_path / "trained"
    building.train(open_run(trained))
    bindings = [f"SavedPolicy.folder = '{trained}'", "run_ope.num_sessions = 40"]
    bindings += ["run_ope.num_simulated = 50", "run_ope.num_truth = 60", "run_ope.num_steps = 3"]
    bindings += [f"{part}interest_evolution.slate_size = 2" for part in ("", "model/")]
    bindings += [f"{part}interest_evolution.num_candidates = 5" for part in ("", "model/")]
    text = config.load(["ope/slate_q.gin"], bindings)
    content = building.ope(RunDirectory(tmp_path / "run", text))["policies"]
    assert set(content["SlateQ"]["estimates"]) == {"snips", "simulated", "calibrated"}
    assert_refused(
        lambda: SavedPolicy(interest_evolution(), tmp_path), "folder must be of a training"
    )


@pytest.mark.slow
def test_a_policy_that_is_certain_has_a_density(tmp_path):
    content = run(tmp_path / "run", "run_ope.policies = ('myopic',)")
    assert "snips" in content["Myopic"]["estimates"]


@pytest.mark.slow
def test_wrong_runs_are_refused_in_a_line(tmp_path):
    log_of_a_fit = ["simulated_log.simulator = @interest_evolution()"]
    log_of_a_fit += ["simulated_log.num_sessions = 3", "simulated_log.num_steps = 1"]
    for bindings, message in (
        (["run_ope.logging = None"], "run_ope.log must be an episode file or a Log"),
        (["run_ope.log = 3"], "run_ope.log must be the path of an episode file"),
        (
            ["run_ope.log = @simulated_log()", *log_of_a_fit],
            "ope.evaluate needs a log with rewards, got none",
        ),
        (
            ["run_ope.policies = ()"],
            "at least one policy, or run_ope.log have probabilities of one",
        ),
        (["run_ope.estimators = ('snipz',)"], "snipz"),
        (["run_ope.policies = ('nobody',)"], "nobody"),
        (
            ["run_ope.model = None", "run_ope.truth = None", "run_ope.log = 'x'"],
            "run_ope.model or run_ope.truth must be given",
        ),
    ):
        assert_refused(lambda bindings=bindings: run(tmp_path / "run", *bindings), message)
        assert not (tmp_path / "run" / "ope.json").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Matplotlib warns of its own dependencies.
def test_clicks_are_weighted_by_the_click_model_of_the_model(tmp_path):
    """The click model of the model says how positions are examined."""
    pages = ["page_clicks.slate_size = 3", "page_clicks.num_candidates = 3"]
    pages += ["PageClickUsers.click_model = @PositionBased()", "PageClickUsers.intercept = -0.5"]
    pages += ["PositionBased.examination = (1.0, 0.6, 0.3)"]
    judged = ["run_ope.truth = @page_clicks()", "run_ope.model = @page_clicks()"]
    judged += ["run_ope.num_sessions = 400", "run_ope.estimators = ('cips', 'cdr')"]
    judged += ["run_ope.logging = 'random'", "run_ope.policies = {'it': 'random'}"]
    text = ["run_ope.num_truth = 2000", "run_ope.num_steps = 1"]
    content = run(tmp_path / "run", *pages, *judged, *text)
    for estimate in content["it"]["estimates"].values():
        assert estimate["value"] == pytest.approx(content["it"]["truth"]["value"], rel=0.2)
        assert estimate["verdict"]["word"] in ("believable", "wide", "with care")
