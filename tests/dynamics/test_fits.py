# SPDX-License-Identifier: Apache-2.0
"""Parameters of components are fitted like those of other models."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import dynamics
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Clicks
from recsim_tf.core.distributions import gaussian_mixture
from recsim_tf.core.random import as_seed
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting import LBFGS, NUTS, Classes, Draws, Parameter, fit, sample_sessions
from recsim_tf.fitting.methods.exact import session_log_prob
from recsim_tf.fitting.methods.particles import marginal_log_prob
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.logs import from_trajectory
from recsim_tf.logs.trajectories import as_trajectory, scoring_simulator
from tests.dynamics.world import moody
from tests.fitting.sessions import rollout
from tests.worlds.clicks import Numbers

pytestmark = pytest.mark.slow

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


class Kind(dynamics.Component):
    """A level around one of two means, which is kept."""

    loc: Any = parameter(((-2.0,), (1.0,)), rank=2)

    def initial_draws(self, num_rows):
        loc = self.per_user("loc", 3)
        return gaussian_mixture(num_rows, loc, 0.3 * tf.ones_like(loc), np.log([0.3, 0.7]))


def test_draws_of_a_mixture_are_summed_out():
    simulator = blank(Walker(Kind(), dtype=tf.float64))
    log = from_trajectory(rollout(simulator, num_users=50, num_steps=1))
    spread = np.sqrt(0.3**2 + 0.5**2)
    exact = tfd.MixtureSameFamily(
        tfd.Categorical(probs=np.array([0.3, 0.7])), tfd.Normal(np.array([-2.0, 1.0]), spread)
    ).log_prob(log.response[:, 0])
    fitted = FittedSimulator(simulator, {"users.level.loc": Parameter()})
    likelihood = Draws(40_000, search=LBFGS(batch_size=50)).objective(
        fitted, log._replace(initial=())
    )
    np.testing.assert_allclose(likelihood.by_session(), exact, atol=0.1)
    assert np.isfinite(likelihood.total()[1][0]).all()


class Sleepers(Walker):
    """Walkers whose level changes after ratings above zero only."""

    level: dynamics.Component = dynamics.Where(
        dynamics.LinearGaussian(1, noise=0.3, initial_scale=1.0), dynamics.Keep()
    )

    def outcome(self, state, slate, draw):
        return Clicks(draw[:, tf.newaxis])

    def controls(self, state, slate, response):
        return {"level": (response.clicked[:, 0] > 0, None)}


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


def test_particles_sum_the_noise_out_as_the_kalman_filter_does():
    simulator, one = blank(Walker(dtype=tf.float64)), tf.ones([1], tf.float64)
    log = from_trajectory(rollout(simulator, num_users=200, num_steps=20))
    initial = log.initial.level
    exact = tfd.LinearGaussianStateSpaceModel(
        num_timesteps=20,
        transition_matrix=0.9 * one[:, tf.newaxis],
        transition_noise=tfd.MultivariateNormalDiag(scale_diag=0.3 * one),
        observation_matrix=one[:, tf.newaxis],
        observation_noise=tfd.MultivariateNormalDiag(scale_diag=0.5 * one),
        initial_state_prior=tfd.MultivariateNormalDiag(initial, 1e-6 * one),
    ).log_prob(log.response[..., tf.newaxis])
    exact += tfd.Normal(tf.zeros([], tf.float64), 1.0).log_prob(initial[:, 0])
    scoring = scoring_simulator(simulator)
    trajectory = as_trajectory(log._replace(innovation=()), scoring, log.num_sessions, latent=True)
    found = compiled(lambda seed: marginal_log_prob(scoring, trajectory, 100, seed))(as_seed(0))
    # The standard error of the mean is 0.03.
    assert abs(np.mean(found - exact)) < 0.05
