# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf
from recipes.returns import (
    Customers,
    DailyReturns,
    LogNormalReturns,
    read_returns,
    returns,
    returns_parameters,
)

import recsim_tf
from recsim_tf.environments.long_term_satisfaction import LongTermSatisfactionUsers
from recsim_tf.environments.returning import Lifetimes
from recsim_tf.fitting import LBFGS, Classes, fit
from recsim_tf.policies import random_policy
from tests.real_worlds import tables

NAMES = {
    DailyReturns: ("level", "past", "fading"),
    LogNormalReturns: ("loc", "log_scale", "leaving"),
}


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    path = tmp_path_factory.mktemp("receipts") / "ta_feng.parquet"
    tables.receipts().to_parquet(path)
    return read_returns(str(path))


def test_a_day_with_receipts_is_a_visit(log):
    days = tables.receipts().drop_duplicates()
    own = days[days["CUSTOMER_ID"] == "00001"]["day"].to_numpy()
    row = list(log.labels.session).index("00001")
    assert log.length[row] == len(own)
    gaps = log.innovation.visit.days[row, : len(own) - 1]
    np.testing.assert_allclose(gaps, np.diff(own))


@pytest.mark.slow
@pytest.mark.parametrize("kind", NAMES)
def test_returns_are_checked_and_fitted(log, kind):
    simulator = returns(kind)
    recsim_tf.check(simulator)
    method = Classes(search=LBFGS(3, progress=False), uncertainty=None)
    result = fit(simulator, returns_parameters(NAMES[kind]), log, method=method)
    assert result.log_likelihood < 0
    assert result.history[-1]["log_likelihood"] > result.history[0]["log_likelihood"]


def gap_of(kind):
    users = returns(kind).users
    draws = tf.zeros([2], tf.int32)
    state = users.initial_state(draws)
    return users.gap(state._replace(day=tf.constant([0.0, 50.0]), visit=tf.constant([1, 9])))


@pytest.mark.slow
@pytest.mark.parametrize("kind", NAMES)
def test_a_gap_is_a_whole_number_of_days_and_its_probabilities_sum_to_one(kind):
    gap = gap_of(kind)
    days = tf.range(1.0, 122.0)
    probs = tf.exp(tf.stack([gap.log_prob(tf.fill([2], day)) for day in days[:120]]))
    assert np.all(probs > 0)
    beyond = 1 - gap.cdf(tf.fill([2], 120.0))
    np.testing.assert_allclose(tf.reduce_sum(probs, axis=0) + beyond, 1.0, rtol=1e-4)


@pytest.mark.slow
def test_any_users_may_come_back_by_hazards():
    users = DailyReturns(LongTermSatisfactionUsers(time_budget=2.0), horizon=30.0, visit_steps=2)
    documents = recsim_tf.long_term_satisfaction().documents
    simulator = recsim_tf.Simulator(users, documents, 1, 3)
    recsim_tf.check(simulator)
    trajectory = simulator.rollout(random_policy(simulator), 20, 30, seed=0)
    sums = Lifetimes.of(trajectory, 30)
    away = sums.days_away.numpy()
    assert away.max() > 0
    np.testing.assert_array_equal(away, away.round())


def test_a_day_is_that_of_the_return_after_the_hazards_of_the_days_before():
    """Users come on day 1 with probability 1/2; else on day 2 with 1/4; else on day 3 with 1/10;
    else after the horizon.
    """
    level = np.zeros(45)
    level[:3] = np.log([1 / 1, 1 / 3, 1 / 9])
    users = DailyReturns(Customers(), horizon=4.0, level=level)
    gap = users.gap(users.initial_state(tf.zeros([1], tf.int32)))
    expected = [1 / 2, 1 / 2 * 1 / 4, 1 / 2 * 3 / 4 * 1 / 10, 1 / 2 * 3 / 4 * 9 / 10]
    probs = [gap.prob(tf.constant([day])) for day in (1.0, 2.0, 3.0, 5.0)]
    np.testing.assert_allclose(np.concatenate(probs), expected, rtol=1e-5)


def test_earlier_visits_change_the_hazards_and_the_change_fades_by_the_logarithm_of_the_day():
    """On their ninth visit, on day 50, users have the logarithms of 9 visits and of 8.5 in 62
    days.
    """
    effects = {"past": (0.1, -0.2, 0.3, 0.04, -0.05), "fading": (-0.3, 0.2, 0.1, -0.06, 0.02)}
    users = DailyReturns(Customers(), horizon=4.0, level=np.full(45, -1.0), **effects)
    state = users.initial_state(tf.zeros([1], tf.int32))
    gap = users.gap(state._replace(day=tf.constant([50.0]), visit=tf.constant([9])))
    count, rate = np.log(9), np.log(8.5 / 62)
    known = np.array([count, rate, count * rate, count**2, rate**2])
    past, fading = (effects[name] @ known for name in ("past", "fading"))
    hazard = 1 / (1 + np.exp(1.0 - past - fading * np.log([1, 2, 3])))
    first, second, third = hazard
    expected = [first, (1 - first) * second, (1 - first) * (1 - second) * third]
    probs = [gap.prob(tf.constant([day])) for day in (1.0, 2.0, 3.0)]
    np.testing.assert_allclose(np.concatenate(probs), expected, rtol=1e-5)
