# SPDX-License-Identifier: Apache-2.0
"""Users of a log at the start of new sessions."""

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.logs import logged_users, simulated_log
from tests.fitting.shoppers import LOC, Draw, Shoppers, exact
from tests.worlds.clicks import Numbers

NUM_USERS = 20_000


@pytest.fixture(scope="module", name="simulator")
def fixture_simulator():
    return recsim_tf.Simulator(Shoppers(dtype=tf.float64), Numbers(dtype=tf.float64), 2, 2)


@pytest.fixture(scope="module", name="log")
def fixture_log(simulator):
    return simulated_log(simulator, 10, 3, seed=1)


@pytest.mark.slow
def test_what_the_log_has_is_kept_and_the_rest_is_drawn_given_the_session(simulator, log):
    # Where a class is logged it is class 0.
    device, eager = log.initial.device, np.where(np.arange(10) < 5, 0, -1).astype(np.int32)
    partial = log._replace(initial=Draw((), eager, ()))
    row = np.repeat(np.arange(10), NUM_USERS // 10).astype(np.int32)
    user = logged_users(simulator, partial, NUM_USERS, seed=3, row=tf.constant(row)).user
    assert not user.eager.numpy()[row < 5].any()
    # The exact posteriors of a hidden class and of a device on which a hidden taste depends.
    ones = np.ones(10, int)
    of_eager = exact(log, eager=ones) - exact(log)
    of_device = exact(log, device=ones, eager=eager) - exact(log, eager=eager)
    drawn = [user.eager.numpy().reshape(10, -1), user.device.numpy().reshape(10, -1)]
    for values, log_prob, rows in zip(
        drawn, (of_eager, of_device), (slice(5, None), slice(None)), strict=True
    ):
        probs = np.exp(log_prob)
        # Of 100 draws one is kept, with a bias that falls as their number; four standard errors.
        errors = 4 * np.sqrt(probs * (1 - probs) / values.shape[1]) + 0.01
        assert (abs(values.mean(axis=1) - probs) < errors)[rows].all()
    # With the device the taste is drawn given it and the choices.
    known = log._replace(initial=Draw(device, log.initial.eager, ()))
    taste = logged_users(simulator, known, NUM_USERS, seed=4, row=tf.constant(row)).user.taste
    at = np.linspace(-4, 5, 181)
    log_probs = np.stack(
        [exact(log, device, log.initial.eager, np.full(10, one)) for one in at], axis=1
    )
    weights = np.exp(log_probs - log_probs.max(axis=1, keepdims=True))
    means = weights @ at / weights.sum(axis=1)
    np.testing.assert_allclose(taste.numpy().reshape(10, -1).mean(axis=1), means, atol=0.1)


def test_a_log_without_responses_has_its_columns_alone(simulator, log):
    device = np.array([0, *[1] * 9], np.int32)
    partial = log._replace(initial=Draw(device, (), ()), response=())
    user = logged_users(simulator, partial, NUM_USERS, seed=3).user
    # Within four standard errors.
    assert user.device.numpy().mean() == pytest.approx(0.9, abs=4 * 0.3 / np.sqrt(NUM_USERS))
    for one in (0, 1):
        tastes = user.taste.numpy()[user.device.numpy() == one]
        assert tastes.mean() == pytest.approx(LOC[one], abs=4 / np.sqrt(len(tastes)))


def test_sessions_go_on_from_them(simulator, log):
    state = logged_users(simulator, log, 50, seed=4)
    assert set(state.user.taste.numpy()) <= set(log.initial.taste)
    policy = recsim_tf.policies.random_policy(simulator)
    trajectory = simulator.rollout(policy, 50, 3, seed=5, state=state)
    assert trajectory.transitions.reward.shape == [3, 50]
    # In a function too, and the same.
    again = tf.function(lambda: logged_users(simulator, log, 50, seed=4), autograph=False)()
    tf.nest.map_structure(np.testing.assert_array_equal, again, state)


def test_a_log_of_other_draws_is_refused(simulator, log):
    wrong = log._replace(initial={"age": log.initial.taste})
    with pytest.raises(ValueError, match="must be of device, eager, taste, got age"):
        logged_users(simulator, wrong, 5)
