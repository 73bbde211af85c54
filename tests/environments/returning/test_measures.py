# SPDX-License-Identifier: Apache-2.0
"""Visits, gaps and retention."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.core.random import as_seed
from recsim_tf.core.runs.execution import compiled
from recsim_tf.environments.returning import Lifetimes, days_away, visits
from recsim_tf.policies import random_policy
from tests.dynamics.world import moody
from tests.environments.returning.world import readers

NUM_USERS, NUM_DAYS = 30, 20


@pytest.fixture(scope="module")
def simulator():
    return readers()


@pytest.fixture(scope="module")
def trajectory(simulator):
    return simulator.rollout(random_policy(simulator), NUM_USERS, 100, seed=0)


@pytest.fixture(scope="module")
def found(trajectory):
    return Lifetimes.of(trajectory, NUM_DAYS)


@pytest.mark.slow
def test_lifetimes_are_those_of_the_states(simulator, trajectory, found):
    state = simulator.replay(trajectory).user
    active = trajectory.transitions.active.numpy()
    assert trajectory.transitions.terminated.numpy().any(axis=0).all()
    for user in range(NUM_USERS):
        days = state.day.numpy()[active[:, user], user]
        begun = np.unique(days)
        assert found.visits[user] == len(begun)
        assert found.returns[user] == len(begun) - 1
        np.testing.assert_allclose(found.days_away[user], days[-1], rtol=1e-5)
        expected = np.isin(np.arange(NUM_DAYS), np.floor(begun))
        np.testing.assert_array_equal(found.active_days[user], expected)
    np.testing.assert_allclose(
        found.mean_gap, np.sum(found.days_away) / np.sum(found.returns), rtol=1e-6
    )
    np.testing.assert_array_equal(found.num_active_days, np.sum(found.active_days, axis=1))


def test_retention_is_of_a_day_and_rolling_retention_of_it_or_a_later_one():
    active = tf.constant([[True, False, True, False], [True, True, False, False]])
    found = Lifetimes.zeros(2, 4)._replace(active_days=active)
    np.testing.assert_array_equal(found.retention, [1, 0.5, 0.5, 0])
    np.testing.assert_array_equal(found.rolling_retention, [1, 1, 0.5, 0])


@pytest.mark.slow
def test_the_measures_of_a_step_add_up_to_lifetimes(simulator, trajectory, found):
    total = [
        tf.reduce_sum(tf.map_fn(measure, trajectory.transitions, tf.float32), axis=0)
        for measure in (visits, days_away)
    ]
    np.testing.assert_array_equal(total[0], found.visits)
    np.testing.assert_allclose(total[1], found.days_away, rtol=1e-6)
    folded = compiled(
        lambda seed: simulator.fold(
            random_policy(simulator),
            NUM_USERS,
            100,
            seed,
            Lifetimes.add,
            Lifetimes.zeros(NUM_USERS, NUM_DAYS),
        )
    )(as_seed(0))
    np.testing.assert_array_equal(folded.visits, found.visits)


def test_a_visit_that_the_time_limit_ends_counts():
    simulator = readers(max_steps=1)
    trajectory = simulator.rollout(random_policy(simulator), NUM_USERS, 1, seed=0)
    np.testing.assert_array_equal(Lifetimes.of(trajectory, 2).visits, np.ones(NUM_USERS))


def test_other_users_are_refused():
    simulator = moody(slate_size=2, num_candidates=4)
    trajectory = simulator.rollout(random_policy(simulator), 2, 2, seed=0)
    with pytest.raises(ValueError, match="visits are measured of ReturningUsers, got"):
        Lifetimes.of(trajectory, 3)
