# SPDX-License-Identifier: Apache-2.0
"""Fits as runs in folders: `recsim-tf fit`."""

import json
import re

import gin
import numpy as np
import pytest

from recsim_tf.experiment import building
from recsim_tf.experiment.commands.fit import estimates_table
from recsim_tf.experiment.config import load
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.fitting import load_model
from recsim_tf.fitting.sampling import ParameterPosterior
from tests.experiment.tiny_runs import succeed

CONFIG = """
run_fit.log = @simulated_log()
run_fit.held_out = 0.2
run_fit.truth = {"users.choice_model.no_click_mass": 1.0}
run_fit.num_replicates = 20
simulated_log.simulator = @truth/interest_evolution()
simulated_log.num_sessions = 60
simulated_log.num_steps = 6
MultinomialProportional.min_normalizer = -1.25
InterestEvolutionUsers.time_budget = 10.0
truth/interest_evolution.users = @InterestEvolutionUsers()
interest_evolution.users = @InterestEvolutionUsers()
run_fit.simulator = @interest_evolution()
run_fit.parameters = {"users.choice_model.no_click_mass": @Parameter()}
Parameter.start = 1.5
"""


@gin.configurable(module="tests")
def around_the_estimate(simulator, parameters, log, start):
    """Stands for `sample_parameters`: four draws of each parameter."""
    offsets = np.array([[-0.25, 0.25], [0.25, -0.25]])
    each = {name: np.float64(1.125) for name in parameters}
    return ParameterPosterior(
        samples={name: start.estimates[name].value + offsets for name in parameters},
        r_hat=each,
        effective_sample_size={name: np.float64(8.0) for name in parameters},
        acceptance_rate=np.ones(2),
        step_size=np.ones(2),
        num_divergent=np.zeros(2, int),
    )


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "fit.gin"
    path.write_text(CONFIG)
    return path


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Matplotlib warns of its own dependencies.
def test_a_fit_leaves_results_a_report_and_a_model_that_simulates(tmp_path, config, capfd):
    run = tmp_path / "run"
    command = (
        "fit",
        f"--root_dir={run}",
        f"--gin_file={config}",
        "--gin_bindings=run_fit.posterior = @around_the_estimate",
    )
    output = succeed(capfd, *command)
    content = json.loads((run / "results.json").read_text())
    estimate = content["estimates"]["users.choice_model.no_click_mass"]
    assert abs(estimate["value"] - 1.0) < 4 * estimate["standard_error"]
    assert re.search(rf"users.choice_model.no_click_mass +{estimate['value']:.5g}", output)
    assert (content["sessions"], content["held_out_sessions"]) == (48, 12)
    assert content["checks"]["recovery"]
    assert "Recovery of known parameters" in (run / "report.html").read_text()
    assert "users.choice_model.no_click_mass" in (run / "model" / "MODEL_CARD.md").read_text()
    loaded = load_model(run / "model")
    assert loaded.simulator.users.choice_model.no_click_mass == pytest.approx(estimate["value"])
    assert loaded.simulator.users.time_budget == 10.0

    drawn = content["posterior"]["users.choice_model.no_click_mass"]
    assert (drawn["mean"], drawn["sd"]) == pytest.approx((estimate["value"], 0.25))
    assert np.load(run / "posterior.npz")["users.choice_model.no_click_mass"].shape == (2, 2)
    assert "R-hat 1.125, 8 effective draws" in output

    output = succeed(capfd, *command)
    assert "had ended already" in output


def test_small_tables_are_printed_by_element():
    estimate = {"value": [1.5, -2.0], "standard_error": [0.5, None], "low": [0.5, None]}
    content = {
        "confidence": 0.95,
        "estimates": {
            "users.loc": estimate | {"high": [2.5, None]},
            "users.items": {"shape": [200, 3], "mean": 0.0, "sd": 1.0},
        },
        "not_identified": ["users.loc[1]"],
        "posterior": {"users.loc": {"mean": [1.5, -2.0], "sd": [0.5, 1.0]}},
        "log_likelihood_per_step": -1.0,
        "sessions": 3,
        "held_out_log_likelihood_per_step": None,
        "diverged": False,
        "converged": True,
    }
    printed = estimates_table(content)
    assert re.search(r"users\.loc\[0\] +1\.5 +0\.5 +\[0\.5, 2\.5\]", printed)
    assert re.search(r"users\.loc\[1\] +-2 +not identified", printed)
    assert "a table [200, 3], see the model" in printed


HIDDEN_TASTES = """
import recsim_tf.environments.drifting_taste
run_fit.log = @simulated_log()
run_fit.num_replicates = 20
simulated_log.simulator = @drifting_taste()
simulated_log.num_sessions = 30
simulated_log.num_steps = 4
simulated_log.latent = ("initial",)
run_fit.simulator = @drifting_taste()
drifting_taste.slate_size = 3
drifting_taste.num_candidates = 3
run_fit.parameters = {"users.taste_scale": @Parameter()}
Parameter.support = "positive"
fit.method = @MeanField()
MeanField.search = @Minibatches()
Minibatches.passes = 3
Minibatches.progress = False
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Matplotlib warns of its own dependencies.
def test_a_fit_of_hidden_draws_that_are_one_tensor_ends_and_says_that_it_has_not_converged(
    tmp_path, capsys
):
    path = tmp_path / "fit.gin"
    path.write_text(HIDDEN_TASTES)
    run = RunDirectory(tmp_path / "run", load([str(path)], []))
    content = building.fit(run)
    assert json.loads((run.path / "results.json").read_text()) == content
    assert (content["converged"], content["stopped_early"]) == (False, False)
    assert "The fit has not converged" in capsys.readouterr().out
    assert "did not converge" in (run.path / "report.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("binding", "message"),
    [
        (
            "run_fit.log = 3",
            "run_fit.log must be a Log, a LogStream, or the result of a reader, got int",
        ),
        (
            "run_fit.parameters = {'users.mass': @Parameter()}",
            "InterestEvolutionUsers has no parameter mass; its parameters are choice_model",
        ),
        ("run_fit.log = @read_episode_log()", "there is no episode log nowhere"),
    ],
)
def test_bad_input_is_named(tmp_path, config, binding, message):
    of_reader = ("path = 'nowhere'", "simulator = @interest_evolution()")
    bindings = [binding, *(f"read_episode_log.{each}" for each in of_reader)]
    run = RunDirectory(tmp_path / "run", load([str(config)], bindings))
    with pytest.raises((ValueError, OSError), match=message):
        building.fit(run)
    assert not list((tmp_path / "run").glob("*.json"))
