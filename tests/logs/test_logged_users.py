"""Users of a log at the start of new sessions."""

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.logs import logged_users, simulated_log
from tests.fitting.shoppers import LOC, Draw, Shoppers
from tests.worlds.clicks import Numbers

NUM_USERS = 20_000


@pytest.fixture(scope="module", name="simulator")
def fixture_simulator():
    return recsim_tf.Simulator(Shoppers(dtype=tf.float64), Numbers(dtype=tf.float64), 2, 2)


@pytest.fixture(scope="module", name="log")
def fixture_log(simulator):
    return simulated_log(simulator, 10, 3, seed=1)


def test_what_the_log_has_is_kept_and_the_rest_is_drawn_given_it(simulator, log):
    # Nine of ten sessions are of device 1, and where a class is logged it is class 0.
    device = np.array([0, *[1] * 9], np.int32)
    eager = np.where(np.arange(10) < 5, 0, -1).astype(np.int32)
    partial = log._replace(initial=Draw(device, eager, ()))
    user = logged_users(simulator, partial, NUM_USERS, seed=3).user
    drawn = user.device.numpy()
    # Within four standard errors.
    assert drawn.mean() == pytest.approx(0.9, abs=4 * 0.3 / np.sqrt(NUM_USERS))
    assert user.eager.numpy().mean() == pytest.approx(0.3, abs=4 * 0.5 / np.sqrt(NUM_USERS))
    for one in (0, 1):
        tastes = user.taste.numpy()[drawn == one]
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


def test_wrong_arguments_are_told(simulator, log):
    with pytest.raises(ValueError, match="simulator must be a Simulator, got Log"):
        logged_users(log, log, 5)
    with pytest.raises(ValueError, match="num_users must be an integer of at least 1, got 0"):
        logged_users(simulator, log, 0)
    wrong = log._replace(initial={"age": log.initial.taste})
    with pytest.raises(ValueError, match="must be of device, eager, taste, got age"):
        logged_users(simulator, wrong, 5)
