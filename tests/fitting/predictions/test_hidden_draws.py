# SPDX-License-Identifier: Apache-2.0
"""Predictions and checks of users whose initial draws a log lacks."""

import numpy as np
import pytest

import recsim_tf
from recsim_tf.fitting import LBFGS, Draws, MeanField, Minibatches, Parameter, fit
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.predictions.choices import predict_choices
from recsim_tf.fitting.validation.resimulation import Resimulation
from recsim_tf.logs import simulated_log
from tests.fitting.shoppers import EAGER, LOC, SHARES, Shoppers, exact
from tests.worlds.clicks import Numbers

NUM_SESSIONS, NUM_STEPS = 30, 4


@pytest.fixture(scope="module", name="simulator")
def fixture_simulator():
    return recsim_tf.Simulator(Shoppers(), Numbers(), 2, 2)


@pytest.fixture(scope="module", name="log")
def fixture_log(simulator):
    return simulated_log(simulator, NUM_SESSIONS, NUM_STEPS, seed=1)


@pytest.mark.slow
def test_predictions_are_those_of_a_new_user_and_then_of_one_who_is_known(simulator, log):
    """Their product is the probability of a session, by the chain rule."""
    device, eager = log.initial.device, log.initial.eager
    partial = log._replace(initial={"device": device, "eager": eager})
    found = predict_choices(simulator, partial, num_draws=4000).log_prob.sum(axis=1)
    of_known = np.log(SHARES[device]) + np.log(EAGER[eager])
    np.testing.assert_allclose(found, exact(log, device, eager) - of_known, atol=0.1)
    # A device tells of the class and of the taste, and the choices tell more.
    partial = log._replace(initial={"taste": log.initial.taste})
    found = predict_choices(simulator, partial, batch_size=7, num_draws=2000)
    first = log.cut(np.ones_like(log.length))
    expected = exact(log, taste=log.initial.taste) - exact(first, taste=log.initial.taste)
    np.testing.assert_allclose(found.log_prob[:, 1:].sum(axis=1), expected, atol=0.1)
    assert found.probs.shape == (NUM_SESSIONS, NUM_STEPS, 3)
    np.testing.assert_allclose(found.probs.sum(axis=2), 1, atol=1e-4)


@pytest.mark.slow
def test_new_users_are_held_out_of_a_fit_with_posteriors(simulator, log):
    partial = log._replace(initial={"device": log.initial.device})
    train, other = partial.split(0.3)
    search = Minibatches(passes=3, progress=False)
    result = fit(
        simulator,
        {"users.loc": Parameter(LOC)},
        train,
        method=MeanField(search=search),
        held_out=other,
    )
    fitted = FittedSimulator(result.simulator, {"users.loc": Parameter()})
    expected = (
        Draws(4000, search=LBFGS(batch_size=100)).objective(fitted, other).value() / other.num_steps
    )
    assert result.held_out_log_likelihood == pytest.approx(expected, abs=0.05)


@pytest.mark.slow
def test_what_some_lack_is_drawn_in_simulations(simulator, log):
    device = np.where(np.arange(NUM_SESSIONS) % 2 == 0, -1, log.initial.device)
    partial = log._replace(initial={"device": device, "eager": log.initial.eager})
    sessions = Resimulation(simulator, partial)
    assert sessions.initial_is_latent
    clicks = [next(sessions.simulated(seed, 1)).clicks.sum() for seed in range(2)]
    assert clicks[0] != clicks[1]
