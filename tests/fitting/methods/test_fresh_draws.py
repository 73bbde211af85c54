# SPDX-License-Identifier: Apache-2.0
"""The log-likelihood that a fit reports: under draws that the search did not climb."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.experiment.commands.fit import _content, estimates_table
from recsim_tf.fitting import LBFGS, Draws, Exact, Minibatches, Parameter, Particles, fit
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.report.sections import summary
from recsim_tf.fitting.saving.models import _found
from recsim_tf.logs import simulated_log
from recsim_tf.logs.log import Log
from tests.fitting.shoppers import LOC, Shoppers, exact
from tests.worlds.clicks import Numbers

NUM_SESSIONS, NUM_STEPS = 40, 12
NAME = "users.loc"


@pytest.fixture(scope="module", name="simulator")
def fixture_simulator():
    return recsim_tf.Simulator(Shoppers(dtype=tf.float64), Numbers(dtype=tf.float64), 2, 2)


@pytest.fixture(scope="module", name="log")
def fixture_log(simulator) -> Log:
    """Without tastes."""
    log = simulated_log(simulator, NUM_SESSIONS, NUM_STEPS, seed=3)
    return log._replace(initial=log.initial._replace(taste=()))


def fitted(simulator, log, num_draws, **options):
    return fit(
        simulator,
        {NAME: Parameter(LOC)},
        log,
        method=Draws(num_draws, search=LBFGS(progress=False), uncertainty=None),
        **options,
    )


@pytest.fixture(scope="module", name="few")
def fixture_few(simulator, log):
    with pytest.warns(UserWarning, match="effective draws, fewer than 10: give Draws") as told:
        result = fitted(simulator, log, 4)
    assert len(told) == 1
    assert "\n" not in str(told[0].message)
    return result


def test_batches_have_draws_of_their_own(simulator, log):
    twice = log.take([*range(5), *range(5)])
    fitted_simulator = FittedSimulator(simulator, {NAME: Parameter(LOC)})
    objective = Draws(4, search=LBFGS(batch_size=5)).objective(fitted_simulator, twice)
    by_session = objective.by_session().reshape(2, 5)
    assert (by_session[0] != by_session[1]).all()
    np.testing.assert_array_equal(objective.by_session().reshape(2, 5), by_session)


@pytest.mark.long
def test_the_likelihood_is_not_that_of_the_draws_that_the_search_climbed(simulator, log, few):
    likelihood = Draws(4, search=LBFGS(batch_size=1000)).objective(
        FittedSimulator(few.simulator, {NAME: Parameter()}), log
    )
    assert few.climbed_log_likelihood == pytest.approx(likelihood.value(), rel=1e-9)
    # Under the draws of other seeds.
    others = [
        Draws(4, search=LBFGS(batch_size=1000)).objective(likelihood.fitted, log, seed).value()
        for seed in range(1, 9)
    ]
    assert few.climbed_log_likelihood > max(np.mean(others), few.log_likelihood)
    assert abs(few.log_likelihood - np.mean(others)) < 4 * np.std(others)
    assert few.effective_draws < 4


@pytest.mark.slow
def test_a_sentence_names_the_gap_wherever_a_person_reads_the_result(log, few):
    gap = few.climbed_log_likelihood - few.log_likelihood
    sentence = (
        f"The log-likelihood is {few.log_likelihood:.1f} under fresh draws, {gap:.1f} below that"
        " of the draws that the search climbed."
    )
    content = _content(few, log, None, 1.0)
    assert content["effective_draws"] == few.effective_draws
    assert content["climbed_log_likelihood_per_step"] * log.num_steps == pytest.approx(
        few.climbed_log_likelihood
    )
    places = repr(few), few._repr_html_(), estimates_table(content), str(summary(few, log, None))
    assert all(sentence in place for place in (*places, _found(few)["what draws say"]))


@pytest.mark.slow
def test_many_draws_leave_no_gap_and_no_warning(simulator, log):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = fitted(simulator, log, 1000, held_out=0.25)
    assert 10 < result.effective_draws < 1000
    assert "fewer than" not in result.of_draws
    assert result.climbed_log_likelihood == pytest.approx(result.log_likelihood, abs=1)
    _, held_out = log.split(0.25)
    expected = exact(held_out, *held_out.initial[:2], loc=result.values()[NAME]).sum()
    assert result.held_out_log_likelihood * held_out.num_steps == pytest.approx(expected, abs=1)


@pytest.mark.slow
def test_filters_climb_draws_too_and_minibatches_do_not(simulator, log):
    complete = simulated_log(simulator, 5, 2)
    search = LBFGS(max_iterations=1, progress=False)
    parameters = {NAME: Parameter(LOC)}
    method = Particles(2, search=search, uncertainty=None)
    result = fit(simulator, parameters, complete, method=method)
    assert result.climbed_log_likelihood is not None
    assert result.effective_draws is None
    assert result.of_draws.startswith("The log-likelihood is")
    search = Minibatches(passes=1, progress=False)
    method = Draws(1000, search=search, uncertainty=None)
    result = fit(simulator, parameters, log, method=method)
    assert result.climbed_log_likelihood is None
    assert result.of_draws.startswith("The median session has")


@pytest.mark.slow
def test_nothing_is_said_of_draws_where_there_are_none(simulator):
    complete = simulated_log(simulator, 5, 2)
    method = Exact(search=LBFGS(max_iterations=1, progress=False), uncertainty=None)
    result = fit(simulator, {NAME: Parameter(LOC)}, complete, method=method)
    assert (result.of_draws, result.climbed_log_likelihood, result.effective_draws) == (
        "",
        None,
        None,
    )
