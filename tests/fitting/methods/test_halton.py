# SPDX-License-Identifier: Apache-2.0
"""Halton points in the place of draws, of normals that are seen with normal noise."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm, qmc
from tensorflow_probability import distributions as tfd

from recsim_tf.fitting import Draws, Parameter, fit
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.logs import simulated_log
from tests.refusals import assert_refused
from tests.worlds.latents import Raters, latents

NUM_SESSIONS, NUM_STEPS, NUM_POINTS = 6, 3, 50
MEAN, SPREAD, NOISE = 0.4, 1.5, 0.8


def simulator():
    return latents(users={"mean": MEAN, "spread": SPREAD, "noise": NOISE})


@pytest.fixture(scope="module", name="log")
def fixture_log():
    return simulated_log(simulator(), NUM_SESSIONS, NUM_STEPS, latent=("initial",))


def log_likelihoods(log, first_run):
    """[S]: by points of the sequence of base 2, a run for each session after 100 points."""
    points = qmc.Halton(1, scramble=False).random(100 + NUM_POINTS * 2 * NUM_SESSIONS)[100:, 0]
    runs = points.reshape(-1, NUM_POINTS)[first_run : first_run + NUM_SESSIONS]
    draws = MEAN + SPREAD * norm.ppf(runs)
    scores = norm.logpdf(log.response[:, np.newaxis], draws[..., np.newaxis], NOISE).sum(-1)
    return np.logaddexp.reduce(scores, axis=1) - np.log(NUM_POINTS)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_each_session_has_a_run_of_the_sequence_and_fresh_points_are_the_next_ones(
    log, jit_compile
):
    fitted = FittedSimulator(simulator(), {"users.mean": Parameter()})
    method = Draws(NUM_POINTS, points="halton", jit_compile=jit_compile)
    objective = method.objective(fitted, log, seed=3)
    np.testing.assert_allclose(objective.by_session(), log_likelihoods(log, 0), rtol=1e-5)
    fresh = objective.under_fresh_draws()
    assert fresh.log_likelihood == pytest.approx(log_likelihoods(log, NUM_SESSIONS).sum(), rel=1e-5)
    assert "summed out by 50 Halton points of each session" in objective.latents


@pytest.mark.slow
def test_a_fit_reports_both(log):
    method = Draws(NUM_POINTS, points="halton", uncertainty=None)
    result = fit(simulator(), {"users.mean": Parameter()}, log, method=method)
    assert result.converged
    # By the next points the search would have ended elsewhere.
    assert result.climbed_log_likelihood != pytest.approx(result.log_likelihood, abs=1e-3)


def test_draws_without_an_inverse_cdf_are_refused(log):
    class Positive(Raters):
        def initial_draws(self, num_users):
            return tfd.Gamma(tf.ones([num_users], self.dtype), tf.ones([], self.dtype))

    world = simulator().replaced(users=Positive())
    assert_refused(
        lambda: fit(world, {"users.noise": Parameter()}, log, method=Draws(5, points="halton")),
        "points must be 'random' for initial draws without an inverse CDF .*, got 'halton'",
    )
