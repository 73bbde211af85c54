import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.environments.long_term_satisfaction import LongTermSatisfactionUsers
from recsim_tf.environments.returning import Lifetimes
from recsim_tf.fitting import LBFGS, Classes, fit
from recsim_tf.policies import random_policy
from recsim_tf.worlds.returns import (
    DailyReturns,
    LogNormalReturns,
    read_returns,
    returns,
    returns_parameters,
)
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
