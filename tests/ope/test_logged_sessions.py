# SPDX-License-Identifier: Apache-2.0
"""Policies judged beside the sessions that were logged: cut ones, those of one user; and what is
no policy, model or log of them.
"""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf import logs, ope
from recsim_tf.policies import PlackettLucePolicy, numpy_policy
from recsim_tf.support.means import Mean
from tests.ope.worlds import CLICKS, log_of_clicks, near
from tests.refusals import assert_refused

SIMULATED = ("simulated", "calibrated")


def cut_log(num_sessions: int, seed: int = 0) -> logs.Log:
    """Sessions of users who never leave, cut after 1 to 5 steps."""
    trajectory = CLICKS.rollout(near(1.0), num_sessions, 5, seed)
    log = logs.from_trajectory(trajectory, CLICKS, logging=near(1.0))
    return log.cut(np.random.default_rng(seed).integers(1, 6, num_sessions))


@pytest.mark.long
def test_a_model_is_compared_with_sessions_of_the_logs_lengths():
    log, policy = cut_log(2000), near(3.0)
    result = ope.evaluate(policy, log, SIMULATED, model=CLICKS, logging=near(1.0))
    assert all(estimate.verdict.is_believable for estimate in result.values())
    again = ope.evaluate(near(1.0), log, SIMULATED, model=CLICKS, logging=near(1.0))
    assert again["simulated"].value == pytest.approx(again.logged.value, rel=0.03)
    # Of sessions of three steps, on average.
    step = ope.truth(CLICKS, policy, 1).value - ope.truth(CLICKS, near(1.0), 1).value
    low, high = result["calibrated"].gain.interval
    assert low - 0.01 < 3 * step < high + 0.01


@pytest.mark.slow
def test_calibration_takes_the_logs_chance_out():
    """The same users meet both policies, so what their sessions have in common is not counted
    twice.
    """
    log = cut_log(500)
    result = ope.evaluate(near(1.0), log, SIMULATED, model=CLICKS, logging=near(1.0))
    calibrated = result["calibrated"]
    # The policy is the one that logged, but for another object.
    assert calibrated.value == pytest.approx(result.logged.value)
    np.testing.assert_allclose(calibrated.gain.interval, 0, atol=1e-9)


@pytest.mark.slow
def test_sessions_of_one_user_count_together():
    log = log_of_clicks(num_sessions=400)
    users = np.repeat(np.arange(100), 4)
    known = log._replace(labels=log.labels._replace(user=users.astype(str)))
    result, other = (ope.evaluate(near(2.0), each, ("snips", "ips")) for each in (known, log))
    for name, estimate in result.items():
        assert estimate.value == pytest.approx(other[name].value)
        expected = Mean.of(estimate.sessions, users, is_skewed=True)
        np.testing.assert_allclose(estimate.interval, expected.interval())
    earned = log.earned.sum((1, 2))
    expected = Mean.of(earned, users).standard_error
    assert result.logged.standard_error == pytest.approx(expected)


@pytest.mark.slow
def test_a_policy_in_numpy_is_simulated():
    def nearest(observation, generator):
        gaps = np.abs(observation.documents - observation.user[:, np.newaxis])
        return np.argsort(gaps, axis=1)[:, :3]

    policy = numpy_policy(nearest, 3)
    result = ope.evaluate(policy, cut_log(200), SIMULATED, model=CLICKS, logging=near(1.0))
    assert result["calibrated"].gain.value > 0


def logits(function) -> PlackettLucePolicy:
    return PlackettLucePolicy.of_logits(function, 3)


def no_numbers(observation):
    return np.nan * observation.documents


def too_many(observation):
    return tf.zeros([observation.documents.shape[0], 9])


def of_strangers(observation):
    return observation.documents * observation.user["country"]


NARROW = PlackettLucePolicy.of_logits(lambda observation: observation.documents, 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "by_weights", "by_model"),
    [
        (NARROW, "policy must show slates of 3 documents, like the log, got 2", None),
        (logits(no_numbers), "probability, got NaN for the slate at session 0, step 0", "got NaN"),
        (
            logits(too_many),
            "policy must choose from the 6 candidates of the log, got 9",
            r"policy is not for the model: .*in \[0, 6\)",
        ),
        (logits(of_strangers), None, "policy is not for the model: .*test_logged_sessions.py"),
    ],
)
def test_policies_that_are_not_for_the_log_are_refused(policy, by_weights, by_model):
    log = cut_log(20)
    if by_weights is not None:
        assert_refused(lambda: ope.evaluate(policy, log), by_weights)
    message = by_model or by_weights
    assert_refused(lambda: ope.evaluate(policy, log, ("simulated",), model=CLICKS), message)
