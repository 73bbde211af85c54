# SPDX-License-Identifier: Apache-2.0
"""Evaluations with a fitted model: intervals with the parameters' uncertainty, users of the log,
and how far slates are from logged ones.
"""

import json

import numpy as np
import pytest

import recsim_tf
from recsim_tf import fitting, logs, long_term_satisfaction
from recsim_tf.evaluation import Evaluation
from recsim_tf.experiment import building, config
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.fitting import FittedModel
from recsim_tf.policies import random_policy
from recsim_tf.support.means import error_of_draws
from tests.refusals import assert_refused

MASS = "users.choice_model.no_click_mass"


def policies(simulator):
    return {"random": random_policy(simulator)}


def evolution():
    return recsim_tf.make("InterestEvolution-v1", slate_size=3, num_candidates=5, max_steps=10)


@pytest.fixture(scope="module", name="fit")
def fixture_fit(tmp_path_factory):
    log = logs.simulated_log(evolution(), num_sessions=100, num_steps=10)
    found = fitting.fit(evolution(), {MASS: fitting.Parameter(support="positive")}, log)
    folder = tmp_path_factory.mktemp("fitted") / "model"
    fitting.save_model(folder, found)
    return found, str(folder), log


def test_the_error_of_draws_leaves_the_noise_of_users_out():
    generator = np.random.default_rng(0)
    users = generator.normal(50, 20, 400)
    draws = generator.normal(0, 3, [500, 1])
    noise = generator.normal(0, 30, [500, 400])
    # The noise alone would make the means of draws spread by 1.5.
    assert error_of_draws(users + draws + noise) == pytest.approx(3, abs=0.3)
    assert error_of_draws(users + noise) < 0.5


@pytest.mark.slow
def test_an_interval_holds_the_uncertainty_of_the_parameters(fit):
    found, folder, _ = fit
    simulator = fitting.load_model(folder).simulator
    plain = Evaluation(num_users=2000, max_steps=10).results(simulator, policies)[0]
    evaluation = Evaluation(num_users=2000, max_steps=10, fitted=FittedModel(folder))
    result = evaluation.results(simulator, policies)[0]
    assert result["return"].value == plain["return"].value

    # Differences at common noise give the slope of the delta method.
    def value(mass):
        changed = simulator.with_parameters({MASS: mass})
        return Evaluation(20_000, 10).results(changed, policies)[0]["return"].value

    estimate = found.estimates[MASS]
    low, high = estimate.value - estimate.standard_error, estimate.value + estimate.standard_error
    error = np.hypot(plain["return"].standard_error, (value(low) - value(high)) / 2)
    low, high = result.interval
    assert (low + high) / 2 == pytest.approx(result["return"].value)
    assert (high - low) / 2 / 1.96 == pytest.approx(error, rel=0.3)
    assert json.loads(json.dumps(result.as_json()))["interval"] == [low, high]
    assert "interval" not in plain.as_json()


@pytest.mark.slow
def test_sessions_begin_with_users_of_the_log(fit):
    _, folder, log = fit
    same = log._replace(initial=log.initial * 0 + 0.5)
    fitted = FittedModel(log=same, users_of_log=True)
    state = fitted.start(evolution(), 7, seed=0)
    assert (state.user.interests.numpy() == 0.5).all()
    assert FittedModel(log=log).start(evolution(), 7, seed=0) is None
    # Draws of the parameters meet them too.
    fitted = FittedModel(folder, same, users_of_log=True)
    evaluation = Evaluation(200, 10, fitted=fitted)
    result = evaluation.results(evolution(), policies)[0]
    everybody = Evaluation(200, 10).results(evolution(), policies)[0]
    assert result["return"].value > everybody["return"].value
    low, high = result.interval
    assert low < result["return"].value < high


@pytest.mark.slow
def test_a_command_prints_intervals_and_support(fit, tmp_path, capsys):
    _, folder, _ = fit
    bindings = [
        "simulate.simulator = @load_simulator()",
        "simulate.policies = ('myopic',)",
        f"load_simulator.folder = '{folder}'",
        f"FittedModel.folder = '{folder}'",
        "FittedModel.log = @simulated_log()",
        "simulated_log.simulator = @load_simulator()",
        "simulated_log.num_sessions = 50",
        "simulated_log.num_steps = 5",
        "Evaluation.fitted = @FittedModel()",
        "Evaluation.num_users = 100",
        "Evaluation.max_steps = 5",
    ]
    run = RunDirectory(tmp_path / "run", config.load([], bindings))
    content = building.simulate(run)
    (policy,) = content["policies"]
    low, high = policy["interval"]
    assert low < policy["mean_return"] < high
    assert "the policy shows" in policy["support"]
    printed = capsys.readouterr().out
    assert "with the fit's error" in printed
    assert f"Myopic: {policy['support']}" in printed
    assert json.loads((tmp_path / "run" / "results.json").read_text())["policies"]


@pytest.mark.slow
def test_arguments_that_do_not_go_together_are_refused(fit, tmp_path):
    found, folder, _ = fit
    without = str(tmp_path / "model")
    fitting.save_model(without, found._replace(covariance=found.covariance * np.nan))
    evaluation, other = Evaluation(100, 5, fitted=FittedModel(folder)), long_term_satisfaction()
    for call, message in (
        (FittedModel, "must have a folder or a log, got neither"),
        (lambda: FittedModel(folder, users_of_log=True), r"users_of_log needs FittedModel\.log"),
        (lambda: FittedModel(log="a.csv"), "log must be a Log, or the result of a reader, got str"),
        (lambda: FittedModel(without), "with draws of its parameters, got one of a fit without"),
        (lambda: Evaluation(fitted=folder), "fitted must be a FittedModel, got str"),
        (
            lambda: Evaluation(seeds=(1, 2), fitted=FittedModel(folder)),
            "fitted must be None if values or seeds are compared",
        ),
        (lambda: evaluation.results(other, policies), "Evaluation.fitted: .*no_click_mass"),
    ):
        assert_refused(call, message)
