# SPDX-License-Identifier: Apache-2.0
"""Verdicts: what is believed, and what is not."""

import numpy as np
import pytest

from recsim_tf import logs, ope
from recsim_tf.logs.densities import densities
from recsim_tf.ope.evaluation import EvaluationInputs, chosen_estimators
from recsim_tf.ope.sample import Sample
from recsim_tf.policies import Deterministic, random_policy
from recsim_tf.support.means import Mean
from tests.ope.worlds import CLICKS, log_of_clicks, near
from tests.rollout_policies import largest


def truth(policy, num_steps=1):
    rewards = CLICKS.rollout(policy, 40_000, num_steps, seed=9).transitions.reward.numpy()
    return rewards.sum(0).mean()


@pytest.mark.slow
def test_a_policy_that_is_near_the_logging_one_is_believed():
    log = log_of_clicks(num_sessions=3000, seed=1)
    result = ope.evaluate(near(2.0), log, ["ips", "snips", "snset_ips"])
    expected = truth(near(2.0))
    for one in result.values():
        assert one.verdict == ope.Verdict("believable")
        assert abs(one.value - expected) <= 4 * one.standard_error
        assert one.interval[0] < one.value < one.interval[1]
        assert one.sessions.shape == (3000,)
    assert result["snips"].standard_error < result["ips"].standard_error
    assert result.weights.effective_sample_size > 1000
    assert result.logged.value == pytest.approx(log.reward.sum() / 3000)


@pytest.mark.slow
def test_policies_are_compared_by_paired_sessions():
    policies = {"sharp": near(3.0), "blunt": near(1.5), "far": near(60.0)}
    names = ("snips", "sniips", "simulated", "calibrated")
    results = ope.compare(
        policies, log_of_clicks(), names, model=CLICKS, logging=near(1.0), num_simulated=2000
    )
    sharp, blunt = results["sharp"], results["blunt"]
    by, gain = results.difference("sharp", "blunt")
    # The narrowest interval, with the bias that the log shows of the model's responses.
    widths = {
        name: np.ptp(sharp[name].difference(blunt[name], 0.95).interval)
        for name in names
        if sharp[name].verdict.is_promise and blunt[name].verdict.is_promise
    }
    assert by == min(widths, key=widths.get)
    assert gain.interval[0] < truth(near(3.0)) - truth(near(1.5)) < gain.interval[1]
    for name in ("snips", "calibrated"):
        paired = sharp[name].difference(blunt[name], 0.95)
        assert paired.value == pytest.approx(sharp[name].value - blunt[name].value)
        alone = np.hypot(sharp[name].standard_error, blunt[name].standard_error)
        assert np.ptp(paired.interval) < 0.8 * 2 * 1.96 * alone
    by_model = [sharp[name].difference(blunt[name], 0.95) for name in ("simulated", "calibrated")]
    np.testing.assert_allclose(by_model[0].interval, by_model[1].interval, atol=1e-9)
    assert [line.split()[:2] for line in str(results).splitlines()[-3:]] == [
        ["sharp", "blunt"],
        ["sharp", "far"],
        ["blunt", "far"],
    ]


def test_intervals_of_skewed_values_hold_their_mean():
    """Student's interval misses 11 %, and nearly always from below."""
    draws = np.random.default_rng(0).lognormal(sigma=1.3, size=[1000, 100])
    ends = np.array([Mean.of(sessions, is_skewed=True).interval(0.95) for sessions in draws])
    mean = np.exp(1.3**2 / 2)
    above, below = (ends[:, 0] > mean).mean(), (ends[:, 1] < mean).mean()
    assert above + below < 0.08
    assert below < 0.06
    symmetric = Mean.of(np.arange(100.0), is_skewed=True)
    np.testing.assert_allclose(np.mean(symmetric.interval(0.95)), symmetric.value)
    np.testing.assert_allclose(
        np.ptp(symmetric.interval(0.95)), 2 * 1.9842 * symmetric.standard_error, rtol=1e-4
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ips", "snips"])
def test_intervals_of_differences_hold_the_difference(name):
    num_logs, size, policies = 100, 500, (near(2.0), near(1.5))
    log, chosen = log_of_clicks(num_sessions=num_logs * size), chosen_estimators([name])
    first, second = (
        EvaluationInputs(policy, log, chosen, None, None, None, 1.0, 0, dict, lambda: log)
        for policy in policies
    )
    values = [ope.truth(CLICKS, policy, 1, 500_000).value for policy in policies]
    held = []
    for start in range(0, num_logs * size, size):
        part = slice(start, start + size)
        found, other = (one.estimate(name, chosen[name], 0.95, part) for one in (first, second))
        low, high = found.difference(other, 0.95).interval
        held.append(low <= values[0] - values[1] <= high)
    assert np.mean(held) >= 0.95 - 4 * np.sqrt(0.95 * 0.05 / num_logs)


def test_policies_of_which_one_is_not_believed_are_not_compared():
    results = ope.compare({"it": near(1.0), "far": near(60.0)}, log_of_clicks())
    assert results.difference("it", "far") is None
    cells = str(results).splitlines()[-1].split()
    assert cells[2:6] == 4 * ["\N{EN DASH}"]
    assert " ".join(cells[6:]) == "not to be compared from this log"


@pytest.mark.slow
def test_what_the_log_contradicts_is_said():
    """Users who choose one of a slate read all of it, not positions one by one."""
    log = log_of_clicks(num_sessions=10_000)
    result = ope.evaluate(near(12.0), log, ["snips", "sniips"])
    assert result["snips"].verdict.is_believable
    assert str(result["sniips"].verdict).startswith(
        "not believable: the log contradicts that rewards depend on the position alone: "
    )
    assert result.reading != "position"


@pytest.mark.parametrize("sign", [-1, 1])
def test_an_assumption_is_contradicted_from_above_and_from_below(sign):
    """Slates that the policy shows more often earn more, or less, than their positions tell."""
    weights = np.random.default_rng(0).uniform(0.5, 1.5, [1000, 1])
    reward = 1 - sign * (weights - 1)
    read = {"slate": weights, "position": np.ones([1000, 1, 1])}
    sample = Sample(read, reward[..., np.newaxis], np.ones([1000, 1]))
    reason = sample.contradiction(ope.Estimator("position"))
    by_slates = (weights * reward).sum() / weights.sum()
    part = reward.mean() / by_slates - 1
    assert np.sign(part) == sign
    assert f"depend on the position alone: {part:+.0%} against the slate" in reason
    assert sample.reading() == "slate"


@pytest.mark.slow
def test_wrong_propensities_are_caught():
    log = log_of_clicks(sharpness=3.0)
    wrong = log._replace(propensity=densities(random_policy(CLICKS), ["slate"])(log))
    assert "the propensities are wrong" in str(ope.evaluate(near(1.0), wrong)["snips"].verdict)
    assert ope.evaluate(near(1.0), log)["snips"].verdict.is_believable


@pytest.mark.slow
def test_slates_that_were_never_logged_are_a_missing_part_of_the_weight():
    """The log shows the three candidates that are closest, the policy any of the six."""
    log = log_of_clicks(sharpness=60.0)
    result = ope.evaluate(random_policy(CLICKS), log)
    assert not result["snips"].verdict.is_believable
    believed = ope.evaluate(Deterministic(largest(3, lambda seen: -abs(seen.documents))), log)
    assert not believed["snips"].verdict.is_believable


@pytest.mark.slow
def test_long_sessions_of_a_far_policy_are_not_believed():
    result = ope.evaluate(near(6.0), log_of_clicks(num_steps=20), ["snips"])
    assert "of 1,000 sessions carr" in result["snips"].verdict.reason
    assert result["snips"].weights.effective_sample_size < 10
    lines = str(result).splitlines()
    assert lines[-1].split()[1].startswith("(")
    assert lines[2].startswith("the log itself")


def test_a_verdict_is_the_first_fault_or_the_width_of_the_interval():
    assert str(ope.Verdict.of(2.0, 0.3)) == "believable"
    wide = "wide: the interval is the estimate \N{PLUS-MINUS SIGN} 30%"
    assert str(ope.Verdict.of(1.0, 0.3)) == wide
    assert ope.Verdict.of(0.0, 0.3).word == "wide"
    assert ope.Verdict.of(1.0, np.nan).word == "cannot tell"
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


@pytest.mark.slow
def test_wrong_probabilities_at_one_step_are_found_among_many():
    log = log_of_clicks(num_sessions=2000, num_steps=5)
    wrong = log.propensity.slate.copy()
    wrong[:, 1] -= np.log(1.3)
    log = log._replace(propensity=logs.SlateLogProbs(slate=wrong))
    for name, estimate in ope.evaluate(near(1.1), log, ("ips", "snips")).items():
        assert estimate.verdict.word == "not believable", name
        assert "the mean weight at step " in estimate.verdict.reason
        assert "the propensities are wrong" in estimate.verdict.reason


@pytest.mark.slow
def test_a_heavy_tail_accuses_nobody():
    """The mean of few heavy weights is below 1, also with right propensities."""
    log = log_of_clicks(num_sessions=1000, num_steps=8)
    reason = ope.evaluate(near(4.0), log)["snips"].verdict.reason
    assert "carry half of the weight" in reason
    assert "propensities are wrong" not in reason


@pytest.mark.slow
def test_few_clicks_are_read_with_care():
    log = log_of_clicks(num_sessions=1000)
    rare = log._replace(reward=np.where(np.arange(1000)[:, None, None] < 20, log.reward, 0))
    verdict = ope.evaluate(near(1.2), rare)["snips"].verdict
    assert verdict.word == "with care"
    assert "of 1,000 sessions decide the estimate" in verdict.reason


@pytest.mark.slow
def test_positions_need_no_probabilities_of_slates_in_sessions_of_one_step():
    log = log_of_clicks()
    known = ope.evaluate(near(2.0), log, ("sniips",))["sniips"]
    positions = logs.SlateLogProbs(position=log.propensity.position)
    alone = ope.evaluate(near(2.0), log._replace(propensity=positions), ("sniips",))["sniips"]
    assert alone.value == pytest.approx(known.value)
