"""Parameters of components are fitted like those of other models."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import dynamics
from recsim_tf.core.execution import compiled
from recsim_tf.core.models import DocumentModel
from recsim_tf.core.parameters import parameter
from recsim_tf.core.random import as_seed
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Clicks
from recsim_tf.fitting import (
    Parameter,
    fit,
    from_trajectory,
    sample_sessions,
    session_log_prob,
)
from recsim_tf.fitting.estimate.scores import session_scores
from recsim_tf.fitting.likelihood.likelihood import LogLikelihood
from recsim_tf.fitting.likelihood.particle_filter import marginal_log_prob
from recsim_tf.fitting.logs import as_trajectory, scoring_simulator
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from tests.dynamics.world import moody
from tests.fitting.sessions import rollout

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
    estimates = fit(simulator, parameters, log, progress=False).estimates
    for name, truth in zip(parameters, (0.3, 0.9, 0.1), strict=True):
        estimate = estimates[name]
        assert abs(estimate.value - truth) < 4 * estimate.standard_error, name
        assert estimate.standard_error < 0.06, name


def test_a_number_keeps_its_meaning_with_as_many_sessions_as_features(observed):
    simulator, log = observed
    parameters = {"users.taste.gain": Parameter(0.3), "users.taste.transition": Parameter(0.9)}
    fitted = FittedSimulator(simulator, parameters)
    found = session_scores(LogLikelihood(fitted, log.take([0, 1]), 2))
    expected = [LogLikelihood(fitted, log.take([row]), 1).total()[1] for row in range(2)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_the_segments_that_a_log_lacks_are_summed_out(observed):
    simulator, complete = observed
    latent = complete._replace(initial=complete.initial._replace(segment=()))
    fitted = FittedSimulator(simulator, {"users.segment.logits": Parameter()})
    found = LogLikelihood(fitted, latent, 100).by_session()
    by_segment = []
    for number in range(2):
        segment = np.full(complete.num_sessions, number, np.int32)
        known = complete._replace(initial=complete.initial._replace(segment=segment))
        by_segment.append(session_log_prob(simulator, known))
    np.testing.assert_allclose(found, np.logaddexp(*by_segment), rtol=1e-9)


class Blanks(DocumentModel):
    """Documents that do not matter."""

    def candidates(self, num_users, num_candidates, corpus, user):
        zeros = tf.zeros([num_users, num_candidates], self.dtype)
        return tfd.Independent(tfd.Normal(zeros, tf.ones([], self.dtype)), 1)

    def observe(self, documents):
        return documents


def blank(users):
    return Simulator(users, Blanks(dtype=tf.float64), slate_size=1, num_candidates=1)


class Segmented(dynamics.ComponentUsers):
    """Users who differ only in their segment."""

    segment: dynamics.Component = dynamics.FromTable(((4.0,), (-4.0,)), (1.0, 0.0))

    def response(self, state, slate):
        return tfd.Bernoulli(logits=state.segment[:, 0], dtype=tf.int32)

    def outcome(self, state, slate, draw):
        clicked = tf.cast(draw, self.dtype)[:, tf.newaxis]
        return Clicks(clicked * tf.cast(slate.mask, self.dtype))

    def observe(self, state):
        return state.segment[:, :0]


@pytest.mark.parametrize("initial", ["()", "a record of ()"])
def test_a_segment_that_is_all_that_users_draw_is_summed_out_too(initial):
    simulator = blank(Segmented(dtype=tf.float64))
    log = from_trajectory(rollout(simulator, num_users=500, num_steps=3))
    truth = np.bincount(log.initial.segment)
    latent = log._replace(initial=() if initial == "()" else log.initial._replace(segment=()))
    parameters = {"users.segment.logits": Parameter(prior=tfd.Normal(np.float64(0), 3.0))}
    found = fit(simulator, parameters, latent, uncertainty=None, progress=False).estimates
    logits = found["users.segment.logits"].value
    np.testing.assert_allclose(logits[0] - logits[1], np.log(truth[0] / truth[1]), atol=0.05)


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


class Clustered(Walker):
    """Walkers who start in one of two clusters, and stay."""

    level: dynamics.Component = dynamics.GaussianMixture([[-2.0], [1.0]], 0.3, np.log([0.3, 0.7]))


@pytest.fixture(scope="module")
def clustered():
    """Sessions of one rating, without the levels behind them, and their exact probability."""
    simulator = blank(Clustered(dtype=tf.float64))
    log = from_trajectory(rollout(simulator, num_users=50, num_steps=1))
    spread = np.sqrt(0.3**2 + 0.5**2)
    exact = tfd.MixtureSameFamily(
        tfd.Categorical(probs=np.array([0.3, 0.7])), tfd.Normal(np.array([-2.0, 1.0]), spread)
    ).log_prob(log.response[:, 0])
    fitted = FittedSimulator(simulator, {"users.level.loc": Parameter()})
    return fitted, log._replace(initial=()), exact


def test_draws_of_a_mixture_are_summed_out(clustered):
    fitted, latent, exact = clustered
    likelihood = LogLikelihood(fitted, latent, 50, num_draws=20_000)
    np.testing.assert_allclose(likelihood.by_session(), exact, atol=0.1)
    assert np.isfinite(likelihood.total()[1][0]).all()


def test_draws_of_a_mixture_may_have_posteriors(clustered):
    fitted, latent, exact = clustered
    likelihood = LogLikelihood(fitted, latent, 50)
    # The expectation of a draw's bound is below the exact probability.
    assert likelihood.is_bound
    assert np.mean(likelihood.by_session()) < np.mean(exact)
    _, gradients = likelihood.total()
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_nuts_finds_the_level_behind_a_rating(clustered):
    fitted, latent, _ = clustered
    simulator = fitted.simulator.with_parameters({"users.level.loc": [[-2.0], [1.0]]})
    chains = latent.take([0] * 30)
    samples = sample_sessions(simulator, chains, 100, 100, progress=False)
    levels = np.linspace(-8, 8, 4001)
    density = tfd.MixtureSameFamily(
        tfd.Categorical(probs=np.array([0.3, 0.7])), tfd.Normal(np.array([-2.0, 1.0]), 0.3)
    ).prob(levels)
    density *= tfd.Normal(levels, 0.5).prob(chains.response[0, 0])
    exact = np.average(levels, weights=density)
    # 3,000 draws of a standard deviation of 0.26.
    assert np.mean(samples.initial.level) == pytest.approx(exact, abs=0.05)


class Sleepers(Walker):
    """Walkers whose level changes after ratings above zero only."""

    level: dynamics.Component = dynamics.Where(
        dynamics.LinearGaussian(1, noise=0.3, initial_scale=1.0), dynamics.Keep()
    )

    def outcome(self, state, slate, draw):
        return Clicks(draw[:, tf.newaxis])

    def controls(self, state, slate, response):
        return {"level": (response.clicked[:, 0] > 0, None)}


class Dreamers(Sleepers):
    """Those whose level decides whether it changes."""

    def controls(self, state, slate, response):
        return {"level": (state.level[:, 0] > 0, None)}


def test_nuts_draws_the_noise_of_steps_that_have_some():
    simulator = blank(Sleepers(dtype=tf.float64))
    log = from_trajectory(rollout(simulator, num_users=6, num_steps=4))
    samples = sample_sessions(
        simulator, log._replace(innovation=()), 200, 100, jit_compile=False, progress=False
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


def test_noise_whose_steps_depend_on_what_is_latent_is_refused():
    simulator = blank(Dreamers(dtype=tf.float64))
    log = from_trajectory(rollout(simulator, num_users=6, num_steps=4))
    with pytest.raises(ValueError, match="must be drawn in steps that do not depend on what is la"):
        sample_sessions(simulator, log._replace(innovation=()), progress=False)


WALK = {"level.transition": 0.9, "level.noise": 0.3, "observation_scale": 0.5}


def value_and_gradient(log_likelihood):
    """Log-likelihoods [S], and the gradient [3] of their mean, at the parameters of Walker."""
    parameters = [tf.constant(value, tf.float64) for value in WALK.values()]
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        values = log_likelihood(*parameters)
        mean = tf.reduce_mean(values)
    return values, tf.stack(tape.gradient(mean, parameters))


@pytest.fixture(scope="module")
def walks():
    """The log of 200 walks of 20 steps, and their exact log-likelihoods and gradient without the
    noise of the levels, by the Kalman filter.
    """
    log = from_trajectory(rollout(blank(Walker(dtype=tf.float64)), num_users=200, num_steps=20))
    initial, one = log.initial.level, tf.ones([1], tf.float64)

    def exact(transition, noise, observation_scale):
        ratings = tfd.LinearGaussianStateSpaceModel(
            num_timesteps=20,
            transition_matrix=transition * one[:, tf.newaxis],
            transition_noise=tfd.MultivariateNormalDiag(scale_diag=noise * one),
            observation_matrix=one[:, tf.newaxis],
            observation_noise=tfd.MultivariateNormalDiag(scale_diag=observation_scale * one),
            initial_state_prior=tfd.MultivariateNormalDiag(initial, 1e-6 * one),
        ).log_prob(log.response[..., tf.newaxis])
        return ratings + tfd.Normal(tf.zeros([], tf.float64), 1.0).log_prob(initial[:, 0])

    return log, *value_and_gradient(exact)


def filtered(log, num_particles):
    """The function of a seed that estimates what `walks` knows."""
    simulator = blank(Walker(dtype=tf.float64))
    trajectory = as_trajectory(
        log._replace(innovation=()), scoring_simulator(simulator), log.num_sessions, latent=True
    )

    @compiled
    def estimate(seed):
        def log_likelihood(*parameters):
            names = [f"users.{name}" for name in WALK]
            drawn = simulator.with_parameters(dict(zip(names, parameters, strict=True)))
            return marginal_log_prob(scoring_simulator(drawn), trajectory, num_particles, seed)

        return value_and_gradient(log_likelihood)

    return estimate


def test_particles_sum_the_noise_out_as_the_kalman_filter_does(walks):
    log, exact, _ = walks
    found, _ = filtered(log, num_particles=100)(as_seed(0))
    # The standard error of the mean is 0.03.
    assert abs(np.mean(found - exact)) < 0.05


def test_the_gradient_of_particles_is_that_of_the_kalman_filter(walks):
    """It goes through the particles that are resampled, and through the weights that they had."""
    log, _, exact = walks
    estimate = filtered(log, num_particles=400)
    gradients = np.array([estimate(as_seed(seed))[1] for seed in range(12)])
    standard_error = gradients.std(axis=0, ddof=1) / np.sqrt(len(gradients))
    np.testing.assert_array_less(np.abs(gradients.mean(axis=0) - exact), 4 * standard_error)
    # A filter whose resampling forgets the weights is off by 0.5, 0.3 and 0.
    np.testing.assert_array_less(standard_error, [0.1, 0.05, 0.05])
