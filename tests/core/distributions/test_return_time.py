# SPDX-License-Identifier: Apache-2.0
"""The time until a user comes back, and what a rule decides."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.distributions import Given, ReturnTime
from tests.alike import assert_shares
from tests.refusals import assert_refused

NEVER = 30.0


def return_time(gap=None, churn=0.2, remaining=(10.0,) * 4, dtype=tf.float64):
    remaining = tf.constant(remaining, dtype)
    if gap is None:
        gap = tfd.LogNormal(tf.ones_like(remaining), tf.constant(1.0, dtype))
    return ReturnTime(gap, tf.constant(churn, dtype), remaining, NEVER)


def test_the_probability_is_that_of_a_cure_model_seen_until_the_end():
    gap = scipy.stats.lognorm(s=1.0, scale=np.exp(1.0))
    log_prob = return_time().log_prob(tf.constant([2.0, NEVER, -4.0, 0.0], tf.float64))
    expected = [
        np.log(0.8) + gap.logpdf(2.0),
        np.log(0.2 + 0.8 * gap.sf(10.0)),
        np.log(0.2 + 0.8 * gap.sf(4.0)),
        0.0,
    ]
    np.testing.assert_allclose(log_prob, expected, rtol=1e-9)


def test_draws_have_the_probabilities_that_are_scored():
    num_draws = 100_000
    distribution = return_time(remaining=(10.0,) * num_draws)
    draws = random.sample(distribution, 0).numpy()
    is_back = draws < 10
    np.testing.assert_array_equal(draws[~is_back], NEVER)
    never = np.exp(return_time().log_prob(tf.constant(NEVER, tf.float64))[0])
    assert_shares(np.mean(~is_back), never, num_draws)
    gap = scipy.stats.lognorm(s=1.0, scale=np.exp(1.0))
    uniforms = gap.cdf(draws[is_back]) / gap.cdf(10.0)
    assert scipy.stats.kstest(uniforms, "uniform").pvalue > 0.01


def test_nobody_is_back_where_no_days_remain_and_all_are_whose_gaps_are_shorter():
    assert np.all(random.sample(return_time(remaining=(0.0,) * 50), 1) == NEVER)
    gap = tfd.Uniform(tf.zeros([50], tf.float64), tf.constant(5.0, tf.float64))
    draws = random.sample(return_time(gap, churn=0.0, remaining=(5.0,) * 50), 2)
    assert np.all(draws < 5)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("family", ["log-normal", "gamma"])
def test_gradients_are_finite_in_every_row_also_where_hardly_anybody_is_away(dtype, family):
    values = tf.constant([2.0, NEVER, -4.0, 0.0, NEVER, 1e-6], dtype)
    remaining = tf.constant([30.0, 30.0, 30.0, 30.0, 0.0, 30.0], dtype)
    loc, scale = tf.constant(-3.0, dtype), tf.constant(0.2, dtype)
    for churn in (0.0, 0.1, 1.0):
        if family == "gamma" and not churn:
            # The survival function of TensorFlow Probability has no digits left here.
            continue
        if churn == 1:
            values = tf.minimum(values, 0)
        churn = tf.constant(churn, dtype)
        with tf.GradientTape() as tape:
            tape.watch([loc, scale, churn])
            shape = tf.ones_like(remaining)
            gap = (
                tfd.LogNormal(loc * shape, scale)
                if family == "log-normal"
                else tfd.Gamma(shape / scale, tf.exp(-loc))
            )
            log_prob = ReturnTime(gap, churn, remaining, NEVER).log_prob(values)
            total = tf.reduce_sum(tf.where(tf.math.is_finite(log_prob), log_prob, 0))
        assert np.isfinite(tape.gradient(total, [loc, scale, churn])).all()


def test_whole_days_have_a_survival_where_their_cdf_is_one():
    """A hazard of one half a day leaves 2^-29 after 29 days, less than float32 has beside one."""
    days = tf.range(1.0, NEVER)
    logits = tf.Variable(-np.log(2.0).astype(np.float32) * days)
    with tf.GradientTape() as tape:
        gap = tfd.FiniteDiscrete(days, logits=logits[tf.newaxis])
        distribution = return_time(gap, churn=0.0, remaining=(28.0,), dtype=tf.float32)
        log_prob = distribution.log_prob(tf.constant([NEVER]))
    expected = np.exp(-np.log(2.0) * np.arange(1, NEVER))
    expected /= expected.sum()
    np.testing.assert_allclose(log_prob, np.log(expected[28:].sum()), rtol=1e-5)
    # The gradient of a log-survival: the share of each later day in it, less its probability.
    share = np.where(np.arange(1, NEVER) > 28, expected / expected[28:].sum(), 0)
    np.testing.assert_allclose(tape.gradient(log_prob, logits), share - expected, atol=1e-5)


@pytest.mark.parametrize(
    ("gap", "message"),
    [
        (tfd.Poisson([2.0]), "got Poisson of which 0.135 is not above 0"),
        (tf.constant([1.0]), "gap must be a distribution of positive days, got EagerTensor"),
        (tfd.LogNormal([1.0, 2.0], 1.0), r"of batch shape \(1,\), got LogNormal of \(2,\)"),
    ],
)
def test_a_gap_that_can_be_negative_is_refused(gap, message):
    assert_refused(lambda: return_time(gap, remaining=(1.0,), dtype=tf.float32), message)


def test_what_is_given_is_drawn_as_it_is_and_not_scored():
    given = Given(tf.constant([0, 1]), tf.float64)
    np.testing.assert_array_equal(random.sample(given, 0), [0, 1])
    np.testing.assert_array_equal(given.sample(2, seed=0), [[0, 1], [0, 1]])
    log_prob = given.log_prob(tf.constant([1, 1]))
    np.testing.assert_array_equal(log_prob, np.zeros(2))
    assert log_prob.dtype == tf.float64


@pytest.mark.parametrize("churn", [-0.5, 1.5])
def test_a_churn_that_is_no_probability_is_refused(churn):
    with pytest.raises(ValueError, match=rf"churn must be in \[0, 1\], got {churn}"):
        return_time(churn=[0.2, churn, 0.2, 0.2])
