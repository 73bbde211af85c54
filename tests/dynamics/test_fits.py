"""Parameters of components are fitted like those of other models."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import dynamics
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Clicks
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting import LBFGS, NUTS, Classes, Parameter, fit, sample_sessions
from recsim_tf.fitting.methods.exact import session_log_prob
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.logs import from_trajectory
from tests.dynamics.world import moody
from tests.fitting.sessions import rollout
from tests.worlds.clicks import Numbers

POSITIVE = Parameter(0.5, "positive")


@pytest.fixture(scope="module")
def observed():
    """A simulator and the log of all that its users drew."""
    simulator = moody(tf.float64)
    return simulator, from_trajectory(rollout(simulator, num_users=400, num_steps=8))


def test_parameters_of_several_components_are_found(observed):
    simulator, log = observed
    parameters = {
        "users.taste.gain": Parameter(0.0),
        "users.taste.transition": Parameter(0.5, "unit"),
        "users.taste.noise": POSITIVE,
    }
    estimates = fit(simulator, parameters, log).estimates
    for name, truth in zip(parameters, (0.3, 0.9, 0.1), strict=True):
        estimate = estimates[name]
        assert abs(estimate.value - truth) < 4 * estimate.standard_error, name
        assert estimate.standard_error < 0.06, name


def test_the_segments_that_a_log_lacks_are_summed_out(observed):
    simulator, complete = observed
    latent = complete._replace(initial=complete.initial._replace(segment=()))
    fitted = FittedSimulator(simulator, {"users.segment.logits": Parameter()})
    found = Classes(search=LBFGS(batch_size=100)).objective(fitted, latent).by_session()
    by_segment = []
    for number in range(2):
        segment = np.full(complete.num_sessions, number, np.int32)
        known = complete._replace(initial=complete.initial._replace(segment=segment))
        by_segment.append(session_log_prob(simulator, known))
    np.testing.assert_allclose(found, np.logaddexp(*by_segment), rtol=1e-9)


def blank(users):
    return Simulator(users, Numbers(2, dtype=tf.float64), slate_size=1, num_candidates=1)


class Walker(dynamics.ComponentUsers):
    """Users with a hidden level, which their ratings show with noise."""

    level: dynamics.Component = dynamics.LinearGaussian(
        1, transition=0.9, noise=0.3, initial_scale=1.0
    )
    observation_scale: Any = parameter(0.5, above=0)

    def response(self, state, slate):
        return tfd.Normal(state.level[:, 0], self.per_user("observation_scale"))

    def outcome(self, state, slate, draw):
        return Clicks(tf.zeros(slate.mask.shape, self.dtype) + 0 * draw[:, tf.newaxis])

    def observe(self, state):
        return state.level[:, :0]


class Sleepers(Walker):
    """Walkers whose level changes after ratings above zero only."""

    level: dynamics.Component = dynamics.Where(
        dynamics.LinearGaussian(1, noise=0.3, initial_scale=1.0), dynamics.Keep()
    )

    def outcome(self, state, slate, draw):
        return Clicks(draw[:, tf.newaxis])

    def controls(self, state, slate, response):
        return {"level": (response.clicked[:, 0] > 0, None)}


@pytest.mark.slow
def test_nuts_draws_the_noise_of_steps_that_have_some():
    simulator = blank(Sleepers(dtype=tf.float64))
    log = from_trajectory(rollout(simulator, num_users=6, num_steps=4))
    samples = sample_sessions(
        simulator, log._replace(innovation=()), NUTS(200, 100, jit_compile=False)
    )
    noise = samples.innovation.level.then[..., 0]
    assert (samples.r_hat < 1.2).all()
    for session, ratings in enumerate(log.response):
        awake = ratings > 0
        assert not noise[:, session, ~awake].any()
        # A rating is the first level, the noise of the steps before it, and noise of its own.
        design = np.tril(np.ones([4, 4]), -1)[:, awake] / 0.5
        precision = design.T @ design + np.eye(awake.sum()) / 0.3**2
        seen = (ratings - log.initial.level[session]) / 0.5
        exact = np.linalg.solve(precision, design.T @ seen)
        error = np.sqrt(np.diag(np.linalg.inv(precision)) / samples.effective_sample_size[session])
        np.testing.assert_array_less(
            np.abs(noise[:, session, awake].mean(axis=0) - exact), 4 * error
        )
