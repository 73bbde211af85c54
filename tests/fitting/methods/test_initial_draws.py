# SPDX-License-Identifier: Apache-2.0
"""Logs without the users' initial draws, which are summed out by importance sampling."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.core.base.types import Trajectory
from recsim_tf.core.random import as_seed
from recsim_tf.core.runs.execution import compiled
from recsim_tf.fitting import Draws, Parameter, fit
from recsim_tf.fitting.methods.proposals import effective_number, log_mean
from recsim_tf.fitting.methods.scores import Lacking, Seeds
from recsim_tf.logs import simulated_log
from recsim_tf.logs.missing import Part
from recsim_tf.policies import random_policy
from tests.questions import Numbers

NUM_SESSIONS, NUM_STEPS, GAIN = 30, 4, 1.2
PROBS = (0.5, 0.2, 0.3)
PAIRS = [(one, other) for one in range(3) for other in range(3)]


class Pairs(recsim_tf.UserModel):
    """Users with two levels, each 0, 1 or 2, that say how much they like numbers and squares."""

    gain: Any = recsim_tf.parameter(GAIN)
    probs: Any = recsim_tf.parameter(PROBS, rank=1, are_probabilities=True)

    def initial_draws(self, num_users):
        probs = tf.broadcast_to(self.per_user("probs", 3), [num_users, 2, 3])
        return tfd.Independent(tfd.Categorical(probs=probs), 1)

    def response(self, state, slate):
        one, other = tf.unstack(tf.cast(state, self.dtype)[..., tf.newaxis], axis=1)
        scores = one * slate.documents + other * slate.documents**2
        choice = recsim_tf.choice.MultinomialLogit(no_click_mass=1.0)
        return choice(self.per_user("gain", 2) * scores, slate.mask)

    def observe(self, state):
        return state


def simulator(gain=GAIN, probs=PROBS):
    return recsim_tf.Simulator(Pairs(gain, probs), Numbers(), slate_size=2, num_candidates=4)


@pytest.fixture(scope="module")
def trajectory() -> Trajectory:
    source = simulator()
    return compiled(
        lambda seed: source.rollout(random_policy(source), NUM_SESSIONS, NUM_STEPS, seed)
    )(as_seed(1))


def of_users(trajectory: Trajectory, draws) -> Trajectory:
    return trajectory._replace(initial=trajectory.initial._replace(user=draws))


def gradient_and_value(function, gain, probs):
    """The log-likelihood [B] of Pairs of these parameters, and the gradients of its sum."""
    with tf.GradientTape() as tape:
        tape.watch([gain, probs])
        # Also probabilities that do not sum to one: `Categorical` normalises nothing.
        source = simulator(gain, probs / tf.reduce_sum(probs))
        value = function(source)
    return value, tape.gradient(value, [gain, probs])


@pytest.mark.slow
def test_the_likelihood_and_its_gradient_are_those_of_enumeration(trajectory):
    def enumerated(source):
        scores = [
            source.log_prob(of_users(trajectory, tf.tile([pair], [NUM_SESSIONS, 1]))).user
            for pair in PAIRS
        ]
        return tf.reduce_logsumexp(tf.stack(scores), axis=0)

    @compiled
    def exact(gain, probs):
        return gradient_and_value(enumerated, gain, probs)

    @compiled
    def estimated(gain, probs, seed):
        def of_draws(source):
            lacking = Lacking((Part(),), source.users, NUM_SESSIONS, NUM_SESSIONS)
            score = Draws(100).session_score(lacking).score
            rows, seeds = tf.range(NUM_SESSIONS), Seeds(seed, seed)
            return score(source, trajectory, rows, seeds).log_likelihood

        return gradient_and_value(of_draws, gain, probs)

    # Of another model than that of the sessions, so that no gradient is zero.
    arguments = tf.constant(0.8), tf.constant([0.3, 0.4, 0.3])
    expected, gradients = exact(*arguments)
    found = [estimated(*arguments, as_seed(seed)) for seed in range(60)]
    for estimates, value in (
        (np.stack([value for value, _ in found]), expected),
        (np.array([gradient[0] for _, gradient in found]), gradients[0]),
        (np.stack([gradient[1] for _, gradient in found]), gradients[1]),
    ):
        error = estimates.std(axis=0) / np.sqrt(len(estimates))
        np.testing.assert_array_less(np.abs(estimates.mean(axis=0) - value), 4 * error)
        # The estimates tell something.
        assert np.all(error < 0.1 * (1 + np.abs(value)))
    again, _ = estimated(*arguments, as_seed(0))
    np.testing.assert_array_equal(again, found[0][0])


def test_the_log_of_a_mean_is_that_of_the_jackknife_where_estimates_are_close():
    equal = tf.math.log([[2.0, 3.0], [2.0, 3.0]])
    np.testing.assert_allclose(log_mean(equal), np.log([2, 3]), rtol=1e-6)
    close = np.array([1.0, 1.1, 0.95, 1.3])
    without = [np.log(np.delete(close, index).mean()) for index in range(4)]
    jackknife = 4 * np.log(close.mean()) - 3 * np.mean(without)
    found = log_mean(tf.constant(np.log(close)[:, np.newaxis]))
    np.testing.assert_allclose(found, [jackknife], atol=1e-5)


def test_the_log_of_a_mean_gains_little_where_one_estimate_outweighs_all_others():
    logs = tf.constant([[0.0, -np.inf], [-1e3, -np.inf], [-1e3, -np.inf]])
    one, none = log_mean(logs).numpy()
    assert -np.log(3) < one <= -np.log(3) + 13 / 12
    assert none == -np.inf


def test_draws_of_equal_weights_count_and_those_of_little_weight_do_not():
    logs = tf.math.log([[0.2, 1.0, 3.0], [0.2, 0.0, 1.0], [0.2, 0.0, 0.0]])
    np.testing.assert_allclose(effective_number(logs), [3, 1, 16 / 10], rtol=1e-6)


@pytest.fixture(scope="module")
def log():
    return simulated_log(simulator(), 600, NUM_STEPS, seed=2)


@pytest.mark.slow
def test_a_fit_recovers_a_parameter_of_users_whose_draws_are_not_known(log):
    log = log._replace(initial=())
    parameters = {"users.gain": Parameter(start=0.4)}
    result = fit(simulator(), parameters, log, method=Draws(60))
    estimate = result.estimates["users.gain"]
    assert result.converged
    assert estimate.standard_error < 0.15
    assert abs(estimate.value - GAIN) < 3 * estimate.standard_error


def test_draws_are_refused_where_they_are_known(log):
    with pytest.raises(ValueError, match=r"must not have Draws\(.* that has the users' initial"):
        fit(simulator(), {"users.gain": Parameter()}, log, method=Draws())
