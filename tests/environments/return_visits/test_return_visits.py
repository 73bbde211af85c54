# SPDX-License-Identifier: Apache-2.0
"""Users whom clickbait engages more, and who come back more rarely for it."""

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.core.random import as_seed
from recsim_tf.core.runs.execution import compiled
from recsim_tf.environments.long_term_satisfaction import ClickbaitDocuments
from recsim_tf.environments.return_visits import ReturnVisitsUsers
from recsim_tf.environments.returning import Lifetimes
from recsim_tf.policies import clickbait_policy

NUM_USERS, HORIZON = 500, 30


def lifetimes(target):
    simulator = recsim_tf.make("ReturnVisits-v0")
    policy = clickbait_policy(simulator, target)
    run = compiled(
        lambda seed: simulator.fold(
            policy, NUM_USERS, 1000, seed, Lifetimes.add, Lifetimes.zeros(NUM_USERS, HORIZON)
        )
    )
    return run(as_seed(0))


@pytest.mark.slow
def test_clickbait_earns_more_in_a_step_and_less_in_a_lifetime():
    kale, clickbait = lifetimes(0.0), lifetimes(1.0)
    of_step = [
        tf.reduce_sum(each.reward) / tf.reduce_sum(5 * each.visits) for each in (kale, clickbait)
    ]
    assert of_step[1] > 1.2 * of_step[0]
    assert tf.reduce_mean(kale.visits) > 2 * tf.reduce_mean(clickbait.visits)
    assert tf.reduce_mean(kale.reward) > 1.5 * tf.reduce_mean(clickbait.reward)
    assert kale.mean_gap < clickbait.mean_gap
    assert kale.rolling_retention[20] > clickbait.rolling_retention[20]


def test_the_gap_and_churn_fall_with_the_exposure():
    users = ReturnVisitsUsers(gap_loc=1.0, gap_sensitivity=0.5, churn_prob=0.5)
    state = users.initial_state(tf.constant([0.5, 0.9]))
    exposure = state.user.net_positive_exposure.numpy()
    np.testing.assert_allclose(users.gap(state).loc, 1 - 0.5 * exposure, rtol=1e-6)
    np.testing.assert_allclose(users.churn(state), 1 / (1 + np.exp(0.2 * exposure)), rtol=1e-6)


def test_a_day_away_takes_its_part_of_the_exposure_and_the_budget_is_whole_again():
    users = ReturnVisitsUsers(daily_memory=0.5)
    state = users.initial_state(tf.constant([0.9, 0.9]))
    spent = state._replace(user=state.user._replace(budget=tf.zeros([2])))
    begun = users.next_visit(spent, tf.constant([0.0, 2.0]), ())
    exposure = state.user.net_positive_exposure
    np.testing.assert_allclose(begun.net_positive_exposure, exposure * [1, 0.25], rtol=1e-6)
    np.testing.assert_array_equal(begun.budget, [60, 60])
    assert users.restart(state) is None


@pytest.mark.parametrize("show_kaleness", [False, True])
def test_the_clickbait_policy_shows_what_is_closest_to_its_target(show_kaleness):
    documents = ClickbaitDocuments(show_kaleness=show_kaleness)
    simulator = recsim_tf.make("ReturnVisits-v0", slate_size=2, documents=documents)
    state = simulator.reset(3, seed=0)
    observation = simulator.observe(state)
    slate, _ = clickbait_policy(simulator, 0.25)(observation, (), as_seed(0))
    seen = observation.documents[..., 0]
    distance = np.abs((1 - seen if show_kaleness else seen) - 0.25)
    np.testing.assert_array_equal(slate, np.argsort(distance, axis=1)[:, :2])
