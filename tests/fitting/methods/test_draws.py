# SPDX-License-Identifier: Apache-2.0
"""Draws of parameters from what a fit says of them."""

import numpy as np
import pytest

import recsim_tf
from recsim_tf.fitting import LBFGS, Exact, Parameter, fit
from recsim_tf.logs import simulated_log
from recsim_tf.policies import random_policy
from tests.worlds.clicks import Clickers, Numbers

MASS = "users.no_click_mass"


@pytest.fixture(scope="module", name="result")
def fixture_result():
    simulator = recsim_tf.Simulator(Clickers(0.5), Numbers(), 2, 4)
    log = simulated_log(simulator, num_sessions=50, num_steps=4)
    return fit(
        simulator,
        {MASS: Parameter(0.3, "positive")},
        log,
        method=Exact(search=LBFGS(progress=False)),
    )


@pytest.mark.slow
def test_draws_have_the_errors_of_the_estimates(result):
    values = result.drawn(4000, 1).parameters()[MASS]
    estimate = result.estimates[MASS]
    assert result.covariance.shape == (1, 1)
    assert (values > 0).all()
    assert np.median(values) == pytest.approx(float(estimate.value), rel=0.02)
    low, high = np.quantile(values, [0.025, 0.975])
    assert low == pytest.approx(float(estimate.low), rel=0.1)
    assert high == pytest.approx(float(estimate.high), rel=0.1)


def test_users_of_one_draw_stand_together_and_are_simulated(result):
    many = result.drawn(3, 5, seed=1)
    values = np.asarray(many.parameters()[MASS]).reshape(3, 5)
    assert (values == values[:, :1]).all()
    assert len(np.unique(values)) == 3
    reward = many.rollout(random_policy(many), 15, 2, 0).transitions.reward
    assert reward.shape == (2, 15)


def test_a_fit_without_errors_has_no_draws(result):
    without = result._replace(covariance=result.covariance * np.nan)
    with pytest.raises(ValueError, match="uncertainty must not be None"):
        without.drawn(3, 5)
    with pytest.raises(ValueError, match="num_draws must be an integer of at least 1, got 0"):
        result.drawn(0, 5)
