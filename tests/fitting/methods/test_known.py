# SPDX-License-Identifier: Apache-2.0
"""The part of a log-likelihood that is of what a log knows of users before they respond."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.experiment.commands.fit import _content, estimates_table
from recsim_tf.fitting import (
    LBFGS,
    Chains,
    Classes,
    Draws,
    Exact,
    MeanField,
    Parameter,
    Particles,
    fit,
)
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.report.sections import summary
from recsim_tf.logs import simulated_log
from recsim_tf.logs.trajectories import scoring_simulator
from tests.fitting.sessions import satisfaction
from tests.fitting.shoppers import EAGER, LOC, SHARES, Shoppers
from tests.worlds.clicks import Numbers

NUM_SESSIONS, NUM_STEPS = 30, 3


@pytest.fixture(scope="module", name="simulator")
def fixture_simulator():
    return recsim_tf.Simulator(Shoppers(dtype=tf.float64), Numbers(dtype=tf.float64), 2, 2)


@pytest.fixture(scope="module", name="log")
def fixture_log(simulator):
    return simulated_log(simulator, NUM_SESSIONS, NUM_STEPS, seed=1)


def known(simulator, log, likelihood, **initial):
    fitted = FittedSimulator(simulator, {"users.loc": Parameter()})
    return likelihood.objective(fitted, log._replace(initial=initial)).known_log_density()


@pytest.mark.slow
def test_it_is_the_density_of_the_columns_that_the_log_has(simulator, log):
    device, eager, taste = log.initial
    of_device, of_eager = np.log(SHARES[device]), np.log(EAGER[eager])
    of_taste = norm.logpdf(taste, LOC[device])
    everything = {"device": device, "eager": eager, "taste": taste}
    found = known(simulator, log, Exact(), **everything)
    assert found == pytest.approx(np.sum(of_device + of_eager + of_taste), rel=1e-9)
    two = {"device": device, "eager": eager}
    expected = pytest.approx(np.sum(of_device + of_eager), rel=1e-9)
    for likelihood in (Draws(5), MeanField(), Particles(2, Draws(5)), Chains(2)):
        assert known(simulator, log, likelihood, **two) == expected
    # A taste depends on a device that is missing.
    mixture = np.log(SHARES @ norm.pdf(taste, LOC[:, np.newaxis]))
    found = known(simulator, log, Classes(), taste=taste)
    assert found == pytest.approx(mixture.sum(), rel=1e-9)
    # Half of the tastes are known.
    is_known = np.arange(NUM_SESSIONS) % 2 == 0
    found = known(simulator, log, Draws(5), device=device, taste=np.where(is_known, taste, np.nan))
    assert found == pytest.approx(np.sum(of_device + is_known * of_taste), rel=1e-9)
    assert known(simulator, log, Draws(5)) == 0


@pytest.mark.slow
def test_innovations_that_are_logged_are_known_too():
    simulator = satisfaction()
    log = simulated_log(simulator, 6, 3)
    fitted = FittedSimulator(simulator, {"users.sensitivity": Parameter()})
    likelihood = Exact(search=LBFGS(batch_size=6)).objective(fitted, log)
    found = likelihood.known_log_density()
    scores = scoring_simulator(simulator).log_prob(likelihood.trajectory)
    assert found == pytest.approx(np.sum(scores.initial + scores.innovation), rel=1e-9)
    assert np.any(scores.innovation)


@pytest.mark.slow
def test_models_of_other_columns_are_compared_by_what_users_did(simulator, log):
    """Shares of classes that the log has change the whole, and not this part."""
    initial = {"device": log.initial.device, "eager": log.initial.eager}
    search = LBFGS(max_iterations=2, progress=False)
    options = {"method": Draws(200, search=search, uncertainty=None), "held_out": 0.3}

    class Others(Shoppers):
        def initial_draws(self, num_users):
            draws = super().initial_draws(num_users)
            eager = tfd.Categorical(tf.zeros([num_users, 2], self.dtype))
            return tfd.JointDistributionNamed(draws.model._replace(eager=eager))

    results = []
    for users in (Shoppers, Others):
        model = recsim_tf.Simulator(users(dtype=tf.float64), Numbers(dtype=tf.float64), 2, 2)
        part = log._replace(initial=initial)
        results.append(fit(model, {"users.loc": Parameter(LOC)}, part, **options))
    one, other = results
    assert one.log_likelihood != pytest.approx(other.log_likelihood, abs=0.1)
    assert one.conditional_log_likelihood == pytest.approx(other.conditional_log_likelihood)
    held_out = [result.held_out_conditional_log_likelihood for result in results]
    assert held_out[0] == pytest.approx(held_out[1])
    assert one.conditional_log_likelihood + one.known_log_density == one.log_likelihood
    train, rest = log.split(0.3)
    expected = np.log(SHARES[rest.initial.device]) + np.log(EAGER[rest.initial.eager])
    assert one.held_out_known_log_density * rest.num_steps == pytest.approx(expected.sum())
    printed = estimates_table(_content(one, train, rest, 1.0))
    did = one.conditional_log_likelihood / train.num_steps
    assert f"Of this, what users did: {did:.5f}; what was known of them before:" in printed
    assert "a step, of what users did" in str(summary(one, train, rest))
