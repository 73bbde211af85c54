# SPDX-License-Identifier: Apache-2.0
"""The share of a policy's slates that a log never has."""

import numpy as np
import pytest

from recsim_tf import logs, ope
from recsim_tf.logs.densities import missing_support
from recsim_tf.policies import Deterministic, EpsilonGreedy
from tests.ope.worlds import CLICKS, log_of_leavers
from tests.rollout_policies import first_positions, largest


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


@pytest.mark.slow
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
