"""Estimators where the truth is known."""

import numpy as np
import pytest

from recsim_tf import logs, ope
from recsim_tf.logs.densities import missing_support
from recsim_tf.ope.studies import StudyRow
from recsim_tf.policies import Deterministic, EpsilonGreedy
from tests.ope.worlds import CLICKS, log_of_leavers, near
from tests.rollout_policies import first_positions, largest


@pytest.mark.slow
def test_a_study_gives_bias_error_and_coverage_by_rollouts():
    found = ope.study(
        CLICKS, near(1.0), near(4.0), (100, 1000), ["ips", "snips", "iips"], num_logs=20
    )
    assert len(found.rows) == 6
    for size in (100, 1000):
        row = found["snips", size]
        assert abs(row.bias) <= 4 * row.bias_error + 0.01
        assert row.coverage >= 0.8
        assert row.error < found["ips", size].error
        assert sum(found.readings[size].values()) == 1
    assert found["snips", 1000].error < 0.6 * found["snips", 100].error
    biased = found["iips", 1000]
    assert abs(biased.bias) > 4 * biased.bias_error
    assert biased.coverage < 0.9
    direct = ope.truth(CLICKS, near(4.0), 1, seed=1)
    assert found.truth == direct.value
    assert str(found).splitlines()[0].split()[:2] == ["estimator", "sessions"]


@pytest.mark.long
def test_a_study_simulates_a_model_beside_each_log():
    found = ope.study(
        CLICKS, near(1.0), near(4.0), (500,), ["simulated", "calibrated"], num_logs=4, model=CLICKS
    )
    assert found["simulated", 500].bias_error > 0
    assert abs(found["calibrated", 500].bias) < 0.05
    frame = found.to_frame().set_index("estimator")
    assert frame.loc["calibrated", "bias"] == found["calibrated", 500].bias
    assert list(frame["sessions of a log"]) == [500, 500]
    assert found._repr_html_().count("<tr>") == 3


def test_a_row_that_a_study_lacks_is_named_with_those_that_it_has():
    rows = [StudyRow("snips", size, 0.0, 0.1, 0.2, 0.9, 1.0) for size in (100, 1000)]
    study = ope.Study(rows, 1.0, 1.0, {})
    assert study["snips", 1000] is rows[1]
    expected = r"must have a row for \('snips', 999\), it has \('snips', 100\), \('snips', 1000\)"
    with pytest.raises(KeyError, match=expected):
        study["snips", 999]


def rarely(epsilon):
    return EpsilonGreedy(first_positions(3), 6, lambda: epsilon)


@pytest.mark.slow
def test_slates_that_are_never_logged_are_counted_by_draws():
    """The logging policy shows one of two slates, the other one a part of the time."""
    policy = rarely(0.5)
    log = logs.from_trajectory(CLICKS.rollout(policy, 2000, 1, 0), CLICKS, logging=policy)
    share = missing_support(policy, rarely(0.0), log)
    assert abs(share - 0.5 * 119 / 120) <= 4 * 0.5 / np.sqrt(2000)
    assert missing_support(policy, policy, log) == 0
    result = ope.evaluate(policy, log, logging=rarely(0.0))
    assert "% of the policy's slates are never logged" in result["snips"].verdict.reason
    assert ope.evaluate(policy, log, logging=policy)["snips"].verdict.is_believable


def test_slates_after_the_end_of_a_session_are_not_counted_as_logged():
    log = log_of_leavers()
    assert log.active.mean() < 0.9
    first, last = (
        Deterministic(largest(2, lambda seen, sign=sign: sign * seen.documents)) for sign in (1, -1)
    )
    assert missing_support(first, last, log) == 1


@pytest.mark.slow
def test_the_bias_by_missing_slates_is_bounded_by_the_steps_and_the_highest_reward():
    policy, certain = rarely(0.5), rarely(0.0)
    log = logs.from_trajectory(CLICKS.rollout(policy, 500, 3, 0), CLICKS, logging=policy)
    log = log._replace(reward=2 * log.reward)
    share = missing_support(policy, certain, log)
    assert ope.evaluate(policy, log, logging=certain)["snips"].verdict.reason == (
        f"{share:.0%} of the policy's slates are never logged, which is a bias of up to"
        f" {share * 3 * 2:.3g}"
    )
