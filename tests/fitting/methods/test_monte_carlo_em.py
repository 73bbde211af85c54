# SPDX-License-Identifier: Apache-2.0
"""Monte Carlo EM where everything has a closed form: x ~ N(mean, 1), and every step shows x with
noise of standard deviation 1/2.
"""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import multivariate_normal
from tensorflow_probability import distributions as tfd

from recsim_tf.environments.intents import intents
from recsim_tf.fitting import (
    Chains,
    LouisInformation,
    MonteCarloEM,
    Parameter,
    fit,
)
from recsim_tf.logs import simulated_log
from tests.fitting.methods.two_classes import exact_log_likelihood, steps_to_maximum, two_classes
from tests.refusals import assert_refused
from tests.worlds.latents import Raters, latents

NUM_SESSIONS, NUM_STEPS, NOISE = 40, 3, 0.5
MEAN = {"users.mean": Parameter(0.0)}
CHAINS = Chains(20, jit_compile=True)
# The standard deviation of eight estimates, by seed, of the log-likelihood of `two_classes`.
ANNEALING_ERROR = 0.84


def simulator(mean=1.0):
    return latents(tf.float32, {"mean": mean, "spread": 1.0, "noise": NOISE})


def log_likelihood(log, mean):
    covariance = np.ones([NUM_STEPS, NUM_STEPS]) + NOISE**2 * np.eye(NUM_STEPS)
    means = np.full(NUM_STEPS, mean)
    return multivariate_normal(means, covariance).logpdf(log.response).sum()


@pytest.fixture(scope="module")
def log():
    return simulated_log(simulator(), NUM_SESSIONS, NUM_STEPS, 0, latent=("initial",))


@pytest.fixture(scope="module")
def result(log):
    search = MonteCarloEM(num_moves=5, learning_rate=0.05)
    return fit(simulator(), MEAN, log, method=dataclasses.replace(CHAINS, search=search))


@pytest.mark.slow
def test_the_estimate_and_its_error_are_those_of_the_marginal_likelihood(log, result):
    """The mean of a session is N(mean, 1 + noise^2 / T)."""
    means = log.response.mean(axis=1)
    error = np.sqrt((1 + NOISE**2 / NUM_STEPS) / NUM_SESSIONS)
    estimate = result.estimates["users.mean"]
    assert estimate.value == pytest.approx(means.mean(), abs=0.2 * error)
    assert estimate.standard_error == pytest.approx(error, rel=0.1)
    assert result.log_likelihood == pytest.approx(log_likelihood(log, estimate.value), abs=1)


@pytest.mark.slow
def test_a_search_that_is_too_short_does_not_converge(log):
    search = MonteCarloEM(20, num_moves=5, annealing=10)
    result = fit(
        simulator(4.0),
        MEAN,
        log,
        method=dataclasses.replace(CHAINS, search=search, uncertainty=None),
    )
    assert result.ending == "did not converge"


def test_models_that_read_a_parameter_as_one_number_are_told_before_the_search(log):
    class Unread(Raters):
        def response(self, state, slate):
            return tfd.Normal(state, tf.reshape(self.noise, []))

    world = simulator().replaced(users=Unread(dtype=tf.float32))
    method = Chains(2, search=MonteCarloEM(2, annealing=1))
    with pytest.raises(ValueError, match="uncertainty of Chains must be None for parameters"):
        fit(world, {"users.noise": Parameter(0.5, "positive")}, log, method=method)


@pytest.mark.long
@pytest.mark.parametrize("seed", [2])
def test_a_search_by_default_ends_at_the_maximum_or_does_not_converge(seed):
    log = simulated_log(two_classes(), 150, 6, 0, latent=("initial",))
    start = {"users.logit": 0.0, "users.gap": 0.5, "users.none": 0.0}
    parameters = {name: Parameter(value) for name, value in start.items()}
    method = Chains(jit_compile=True, uncertainty=None)
    result = fit(two_classes(), parameters, log, method=method, seed=seed)
    found = np.array(list(result.values().values()), np.float64)
    assert not result.converged or np.abs(steps_to_maximum(log, found)).max() < 0.3
    exact = exact_log_likelihood(log, *found)
    assert result.log_likelihood == pytest.approx(exact, abs=4 * ANNEALING_ERROR)


@pytest.mark.slow
def test_the_initial_draws_are_posterior_means(log, result):
    """With the prior N(m, 1) the posterior mean of x is between m and the mean of what was seen."""
    prior, seen = result.estimates["users.mean"].value, log.response.mean(axis=1)
    precision = NUM_STEPS / NOISE**2
    expected = (prior + precision * seen) / (1 + precision)
    found = result.initial_draws.numpy()
    # 20 chains, whose deviation is that of the posterior.
    standard_error = 1 / np.sqrt((1 + precision) * 20)
    assert np.abs(found - expected).max() < 5 * standard_error


@pytest.mark.slow
def test_a_parameter_may_have_a_value_for_each_session(log):
    search = MonteCarloEM(40, num_moves=5, annealing=20, learning_rate=0.1)
    few = log.take(range(3))
    start = {"users.mean": Parameter(np.full(3, 0.5))}
    # What x takes of the information is 92 % of it, so its variance must be known well.
    errors = LouisInformation(sweeps=100, num_moves=3)
    result = fit(
        simulator(),
        start,
        few,
        method=dataclasses.replace(CHAINS, search=search, uncertainty=errors),
    )
    estimate = result.estimates["users.mean"]
    assert estimate.value.shape == (3,)
    np.testing.assert_allclose(estimate.value, few.response.mean(axis=1), atol=0.5)
    error = np.sqrt(1 + NOISE**2 / NUM_STEPS)
    np.testing.assert_allclose(estimate.standard_error, error, rtol=0.4)


@pytest.mark.slow
def test_the_likelihood_of_held_out_sessions_has_their_initial_draws_summed_out(log):
    search = MonteCarloEM(5, num_moves=2, annealing=2, learning_rate=0.4)
    # Whose users are unlike those that the search begins with.
    held_out = simulated_log(simulator(4.0), 20, NUM_STEPS, 1, latent=("initial",))
    method = Chains(30, search=search, uncertainty=None, jit_compile=True)
    result = fit(simulator(), MEAN, log, method=method, held_out=held_out)
    mean = result.estimates["users.mean"].value
    assert abs(mean) > 0.5
    expected = log_likelihood(held_out, mean)
    assert result.held_out_log_likelihood * held_out.num_steps == pytest.approx(expected, abs=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"parameters": {"users.mean": Parameter(np.zeros(NUM_SESSIONS))}, "held_out": 0.5},
            "held_out must be None where a parameter has a value for each session, got .*mean",
        ),
        ({"log": None}, "the log must lack the initial draws or the innovations"),
    ],
)
def test_what_does_not_go_with_chains_is_refused(log, arguments, message):
    if "log" in arguments:  # One that lacks nothing.
        arguments["log"] = simulated_log(simulator(), 3, 2)
    arguments = {
        "parameters": MEAN,
        "log": log,
        "method": Chains(2, search=MonteCarloEM(2, annealing=1)),
        **arguments,
    }
    assert_refused(lambda: fit(simulator(), **arguments), message)


@pytest.mark.long
def test_the_sensitivity_of_hidden_intents_is_found():
    """RecSim NG's demonstration: five users with a sensitivity each, from five steps."""
    simulator = intents()
    log = simulated_log(simulator, 5, 5, 4, latent=("initial",))
    start = {"users.sensitivity": Parameter(np.linspace(0, 1, 5))}
    chains = Chains(jit_compile=True)
    # Its posteriors have many peaks.
    search = MonteCarloEM(200, annealing=160)
    result = fit(simulator, start, log, method=dataclasses.replace(chains, search=search))
    estimate = result.estimates["users.sensitivity"]
    np.testing.assert_allclose(estimate.value, 0.8, atol=0.02)
    true = simulated_log(simulator, 5, 5, 4).initial
    assert np.sqrt(np.mean((result.initial_draws - true) ** 2)) < 0.1
