# SPDX-License-Identifier: Apache-2.0
import itertools

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.core.runs.execution import compiled
from recsim_tf.fitting.methods.exact import session_log_prob
from recsim_tf.fitting.methods.particles import _resample, marginal_log_prob
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.parameters.parameter import Parameter
from recsim_tf.logs import from_trajectory
from recsim_tf.logs.trajectories import as_trajectory, scoring_simulator
from tests.fitting.sessions import HAZARD, evolution, rollout, satisfaction

NUM_STEPS = 4
# Few topics and large steps of the interests, so that the directions matter.
USERS = {**HAZARD, "alpha_y_intercept": 0.8, "topic_quality_means": (-1.0, 0.0, 1.0)}
PARAMETERS = {
    "users.alpha_y_intercept": Parameter(),
    "users.choice_model.no_click_mass": Parameter(),
    "users.user_update_alpha": Parameter(),
}


@pytest.fixture(scope="module")
def fitted():
    return FittedSimulator(evolution(**USERS), PARAMETERS)


@pytest.fixture(scope="module")
def log():
    return from_trajectory(rollout(evolution(**USERS), num_users=40, num_steps=NUM_STEPS))


@pytest.fixture(scope="module")
def exact(fitted, log):
    """The log-likelihood [S] and the gradient [P] of its sum, by enumeration of all directions."""
    directions = np.array(list(itertools.product([0, 1], repeat=NUM_STEPS)), np.int32)
    num_cases, num_sessions = len(directions), log.num_sessions
    repeated = log.take(np.tile(np.arange(num_sessions), num_cases))
    # Without a click there is no direction: both count the same there, and after the end.
    clicked = (repeated.response < log.slate_size) & repeated.active
    innovation = np.repeat(directions[:, : log.max_length], num_sessions, axis=0)
    repeated = repeated._replace(innovation=np.where(clicked, innovation, 0))
    with tf.GradientTape() as tape:
        log_prob = session_log_prob(fitted.simulator, repeated)
        log_prob -= tf.math.log(tf.constant(2.0, tf.float64)) * (NUM_STEPS - clicked.sum(1))
        value = tf.reduce_logsumexp(tf.reshape(log_prob, [num_cases, num_sessions]), axis=0)
    return value.numpy(), np.array(tape.gradient(value, fitted.variables))


def estimates(fitted, log, num_particles, num_runs):
    """Values [R, S] and gradients [R, P] of their sums, of independent runs."""
    scorer = scoring_simulator(fitted.simulator)
    trajectory = as_trajectory(log._replace(innovation=()), scorer, log.num_sessions, latent=True)

    @compiled
    def run(seed):
        with tf.GradientTape() as tape:
            value = marginal_log_prob(scorer, trajectory, num_particles, seed)
        return value, tf.stack(tape.gradient(value, fitted.variables))

    runs = [run(tf.constant([7, number])) for number in range(num_runs)]
    return tuple(np.stack([part.numpy() for part in parts]) for parts in zip(*runs, strict=True))


@pytest.mark.slow
def test_the_likelihood_and_its_gradient_are_those_of_enumeration(fitted, log, exact):
    values, gradients = estimates(fitted, log, num_particles=300, num_runs=20)
    for found, expected in zip((values, gradients), exact, strict=True):
        standard_error = found.std(0, ddof=1) / np.sqrt(len(found))
        np.testing.assert_array_less(
            np.abs(found.mean(0) - expected), 4 * standard_error + 2e-3 * np.abs(expected).max()
        )
    # The interest step acts through the directions, and through nothing else that was logged.
    assert abs(exact[1][0]) > 0.1


@pytest.mark.slow
def test_few_particles_are_enough_for_an_estimate_without_bias(fitted, log, exact):
    values, _ = estimates(fitted, log, num_particles=3, num_runs=400)
    variances = values.var(0, ddof=1)
    allowed = 4 * np.sqrt(variances.sum() / len(values))
    assert abs(np.sum(values.mean(0) - exact[0])) < allowed
    # One filter would be low by half its variance, which is about that of the mean of two.
    assert variances.sum() > 1.5 * allowed


def test_only_sessions_with_uneven_weights_are_resampled():
    weights = np.array([[0.3, 0.01], [0.3, 0.97], [0.2, 0.01], [0.2, 0.01]])
    # One filter of each of two sessions; the state of a particle tells its number and its session.
    log_weights = tf.math.log(tf.constant(weights))[:, tf.newaxis]
    state, after = _resample(tf.reshape(tf.range(8), [8, 1]), log_weights, tf.constant([1, 2]))
    number, session = np.divmod(np.reshape(state, [4, 2]), 2)
    np.testing.assert_array_equal(session, np.tile([0, 1], (4, 1)))
    np.testing.assert_array_equal(number[:, 0], range(4))
    # Systematic resampling gives a particle of weight w floor(P w) or ceil(P w) descendants.
    assert np.sum(number[:, 1] == 1) in (3, 4)
    np.testing.assert_allclose(
        tf.exp(after)[:, 0], np.stack([weights[:, 0], np.full(4, 0.25)], axis=1)
    )


def test_the_same_seed_gives_the_same_estimate_and_another_seed_another(log):
    scorer = scoring_simulator(evolution(**USERS))
    trajectory = as_trajectory(log, scorer, log.num_sessions, latent=True)
    estimate = compiled(lambda seed: marginal_log_prob(scorer, trajectory, 10, seed))
    one, again, other = (estimate(tf.constant([1, seed])) for seed in (2, 2, 3))
    np.testing.assert_array_equal(one, again)
    assert (one != other).numpy().any()


def test_continuous_innovations_are_drawn_from_their_distribution():
    simulator = satisfaction(innovation_stddev=1e-9)
    log = from_trajectory(rollout(simulator))
    scorer = scoring_simulator(simulator)
    parts = scorer.log_prob(as_trajectory(log, scorer, log.num_sessions))
    found = marginal_log_prob(scorer, as_trajectory(log, scorer, log.num_sessions), 3, seed=1)
    np.testing.assert_allclose(found, parts.initial + parts.response, rtol=1e-5)
