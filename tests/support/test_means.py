# SPDX-License-Identifier: Apache-2.0
"""Means, and how often their intervals hold."""

import math

import numpy as np
import pytest
from scipy import stats

from recsim_tf.support.means import Mean, plus_minus


def test_a_mean_has_students_interval():
    mean = Mean.of(np.array([1.0, 2.0, 3.0]))
    assert mean.value == 2
    assert mean.standard_error == pytest.approx(1 / math.sqrt(3))
    # The 97.5 % quantile of Student's t with two degrees of freedom.
    low, high = mean.interval()
    assert (low, high) == pytest.approx(
        (2 - 4.3026527 / math.sqrt(3), 2 + 4.3026527 / math.sqrt(3))
    )


def test_a_single_group_has_no_standard_error():
    assert math.isnan(Mean.of(np.array([1.0])).standard_error)
    assert math.isnan(Mean.of(np.arange(3.0), np.zeros(3, int)).standard_error)
    assert math.isnan(Mean.of_ratio(np.zeros(2), np.zeros(2)).value)


def test_sessions_of_a_user_count_together():
    """Ten copies of each number tell no more than one."""
    numbers = np.random.default_rng(0).normal(size=40)
    users = np.repeat(np.arange(40), 10)
    assert Mean.of(np.repeat(numbers, 10), users) == pytest.approx(Mean.of(numbers))
    # A user with more sessions has more weight, as in the mean of all sessions.
    values, users = np.array([1.0, 1.0, 1.0, 5.0, 3.0]), np.array([0, 0, 0, 1, 2])
    assert Mean.of(values, users).value == values.mean()


def test_intervals_by_user_hold_the_mean():
    generator = np.random.default_rng(0)
    users, held = np.repeat(np.arange(30), 5), []
    for _ in range(400):
        sessions = generator.normal(size=30)[users] + 0.5 * generator.normal(size=150)
        by_session, by_user = Mean.of(sessions), Mean.of(sessions, users)
        held.append([low <= 0 <= high for low, high in (by_session.interval(), by_user.interval())])
    coverage = np.mean(held, axis=0)
    assert coverage[0] < 0.7
    assert abs(coverage[1] - 0.95) < 3 * math.sqrt(0.05 * 0.95 / 400)


def test_the_difference_of_independent_means_has_welchs_interval():
    generator = np.random.default_rng(0)
    first, second = generator.normal(2.0, 5.0, size=12), generator.normal(size=30)
    difference = Mean.of(first).minus(Mean.of(second))
    expected = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert difference.interval() == pytest.approx((expected.low, expected.high))
    back = Mean.of(second).minus(Mean.of(first))
    assert back == pytest.approx(difference._replace(value=-difference.value))
    # The errors of exact numbers, and of a single one.
    assert Mean(3.0, 0.0).minus(Mean(1.0, 0.0)).interval() == (2.0, 2.0)
    assert math.isnan(Mean.of(first).minus(Mean.of(np.ones(1))).standard_error)


def test_the_skewness_of_a_difference_is_that_of_both():
    skewed = np.random.default_rng(0).lognormal(size=50)
    mean = Mean.of(skewed, is_skewed=True)
    assert mean.minus(mean).skewness == pytest.approx(0.0)
    assert mean.minus(Mean(0.0, 0.0)) == pytest.approx(mean)


def test_a_correction_for_skewness_makes_no_side_of_an_interval_shorter():
    numbers = np.random.default_rng(0).lognormal(sigma=1.3, size=50)
    mean = Mean.of(numbers, is_skewed=True)
    low, high = mean._replace(skewness=0.0).interval()
    assert mean.interval()[0] == low
    assert mean.interval()[1] > high + 0.1 * mean.standard_error
    mirrored = Mean.of(-numbers, is_skewed=True).interval()
    assert mirrored == pytest.approx((-mean.interval()[1], -low))


def test_a_further_error_widens_the_interval():
    numbers = np.random.default_rng(0).lognormal(size=50)
    mean = Mean.of(numbers, is_skewed=True)
    wider = mean.with_error(3 * mean.standard_error)
    assert wider.standard_error == pytest.approx(math.sqrt(10) * mean.standard_error)
    assert wider.skewness == pytest.approx(mean.skewness / math.sqrt(10) ** 3)
    assert np.ptp(wider.interval()) > 2 * np.ptp(mean.interval())


def test_the_distance_from_zero_is_in_standard_errors():
    assert Mean(-3.0, 1.5).distance == 2
    assert Mean(1.0, 0.0).distance == math.inf


def test_a_mean_in_words_says_where_its_error_is_unknown():
    assert Mean(0.03251, 0.0021).in_words() == "+0.0325 ± 0.0021"
    assert Mean(0.25, 0.0213).in_words(".1%") == "25.0% ± 2.1%"
    assert Mean.of(np.ones(1)).in_words() == "+1.0000 (its error is unknown)"


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (5.0184, 0.0312, "5.02 ± 0.03"),
        (0.12345, 0.00996, "0.123 ± 0.010"),
        (0.12345, 0.0199, "0.12 ± 0.02"),
        (3.0, 0.15, "3.00 ± 0.15"),
        (1234.5, 12.3, "1234 ± 12"),
        (5.0, math.nan, "5"),
        (5.0, 0.0, "5"),
    ],
)
def test_a_number_is_printed_with_its_error_to_the_error_s_first_digit(value, error, words):
    assert plus_minus(value, error) == str(Mean(value, error)) == words
