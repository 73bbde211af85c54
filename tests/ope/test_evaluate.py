"""Verdicts: what is believed, and what is not."""

import numpy as np
import pytest

from recsim_tf import ope
from recsim_tf.ope.densities import densities
from recsim_tf.policies import Deterministic, random_policy
from tests.ope.worlds import CLICKS, log_of_clicks, near
from tests.rollout_policies import largest


def truth(policy, num_steps=1):
    rewards = CLICKS.rollout(policy, 40_000, num_steps, seed=9).transitions.reward.numpy()
    return rewards.sum(0).mean()


def test_a_policy_that_is_near_the_logging_one_is_believed():
    result = ope.evaluate(
        near(2.0), log_of_clicks(num_sessions=3000), ["ips", "snips", "snset_ips"]
    )
    expected = truth(near(2.0))
    for one in result.values():
        assert one.verdict == ope.Verdict("believable")
        assert abs(one.value - expected) <= 4 * one.standard_error
        assert one.interval[0] < one.value < one.interval[1]
        assert one.sessions.shape == (3000,)
    assert result["snips"].standard_error < result["ips"].standard_error
    assert result.weights.effective_sample_size > 1000
    assert result.logged.value == pytest.approx(
        log_of_clicks(num_sessions=3000).reward.sum() / 3000
    )


def test_what_the_log_contradicts_is_said():
    """Users who choose one of a slate read all of it, not positions one by one."""
    log = log_of_clicks(num_sessions=10_000)
    result = ope.evaluate(near(12.0), log, ["snips", "sniips"])
    assert result["snips"].verdict.is_believable
    assert str(result["sniips"].verdict).startswith(
        "not believable: the log contradicts that rewards depend on the position alone: "
    )
    assert result.reading != "position"


def test_wrong_propensities_are_caught():
    log = log_of_clicks(sharpness=3.0)
    wrong = log._replace(logging=densities(random_policy(CLICKS), ["slate"])(log))
    assert "the propensities are wrong" in str(ope.evaluate(near(1.0), wrong)["snips"].verdict)
    assert ope.evaluate(near(1.0), log)["snips"].verdict.is_believable


def test_slates_that_were_never_logged_are_a_missing_part_of_the_weight():
    """The log shows the three candidates that are closest, the policy any of the six."""
    log = log_of_clicks(sharpness=60.0)
    result = ope.evaluate(random_policy(CLICKS), log)
    assert not result["snips"].verdict.is_believable
    believed = ope.evaluate(Deterministic(largest(3, lambda seen: -abs(seen.documents))), log)
    assert not believed["snips"].verdict.is_believable


def test_long_sessions_of_a_far_policy_are_not_believed():
    result = ope.evaluate(near(6.0), log_of_clicks(num_steps=20), ["snips"])
    assert "of 1,000 sessions carr" in result["snips"].verdict.reason
    assert result["snips"].weights.pareto_k > 0.7
    lines = str(result).splitlines()
    assert lines[-1].split()[1].startswith("(")
    assert lines[2].startswith("the log itself")


def test_a_verdict_is_the_first_fault_or_the_width_of_the_interval():
    assert str(ope.Verdict.of(2.0, 0.3)) == "believable"
    wide = "wide: the interval is the estimate \N{PLUS-MINUS SIGN} 30%"
    assert str(ope.Verdict.of(1.0, 0.3)) == wide
    assert ope.Verdict.of(0.0, 0.3).word == ope.Verdict.of(1.0, np.nan).word == "wide"
    assert str(ope.Verdict.of(1.0, 0.3, "", "this", "that")) == "not believable: this"


def test_a_cap_is_a_bias_that_is_said():
    capped = ope.Estimator(weights=ope.Weights(cap=1.5))
    result = ope.evaluate(near(4.0), log_of_clicks(), {"capped": capped})
    assert "of the weight is bent away, a bias" in result["capped"].verdict.reason


@pytest.mark.parametrize("shape", [-0.3, 0.2, 0.5, 0.9, 1.5])
def test_k_hat_is_the_shape_of_the_tail(shape):
    uniform = np.random.default_rng(1).uniform(size=20_000)
    weights = (uniform**-shape - 1) / shape + 1
    assert ope.pareto_k(weights) == pytest.approx(shape, abs=0.25)


RECURRING = np.repeat([0.5, 6.0, 7.0, 16.0, 20.0], [900, 25, 25, 25, 25])


@pytest.mark.parametrize(
    "weights", [np.ones(1000), np.zeros(1000), np.eye(1, 1000)[0], [1, 2, 3], RECURRING]
)
def test_weights_without_a_tail_have_no_k_hat(weights):
    assert np.isnan(ope.pareto_k(np.asarray(weights)))
