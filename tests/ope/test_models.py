# SPDX-License-Identifier: Apache-2.0
"""Estimators that read a model: doubly robust, simulated and calibrated."""

import functools

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf import logs, ope
from recsim_tf.ope.responses import ResponseGap
from recsim_tf.ope.sample import Sample
from recsim_tf.ope.simulated import Simulated, Simulations
from recsim_tf.ope.values import values_of
from recsim_tf.policies import Deterministic
from recsim_tf.support.means import Mean, error_of_draws
from tests.ope.worlds import CLICKS, LEAVERS, log_of_clicks, log_of_leavers, near
from tests.rollout_policies import first_positions, largest


def mass(no_click_mass):
    users = type(CLICKS.users)(no_click_mass=no_click_mass)
    return recsim_tf.Simulator(users, CLICKS.documents, 3, 6)


WRONG = mass(1.5)
TARGET = near(3.0)


@functools.cache
def truth(num_steps=1):
    return ope.truth(CLICKS, TARGET, num_steps, num_sessions=100_000, seed=5)


class Exact:
    """The probability of a click, by the model of the users themselves."""

    def fit(self, policy, log, gamma, by_position):
        def q(observation, slate, step, rows):
            shown = tf.gather(observation.documents, tf.maximum(slate, 0), batch_dims=1)
            scores = tf.exp(-tf.abs(shown - observation.user[:, tf.newaxis]))
            total = tf.reduce_sum(scores * tf.cast(slate >= 0, tf.float32), axis=1)
            return total / (1 + total)

        return q


@pytest.mark.slow
def test_the_true_values_leave_the_noise_of_the_reward_alone():
    log, policy = log_of_clicks(num_sessions=3000), near(1.0)
    result = ope.evaluate(policy, log, ["ips", "dr", "sndr"], q=Exact())
    assert result["dr"].standard_error <= 1.02 * result["ips"].standard_error
    far = ope.evaluate(TARGET, log, ["ips", "dr", "sndr"], q=Exact())
    assert far["dr"].standard_error < 0.8 * far["ips"].standard_error
    for name in ("dr", "sndr"):
        assert abs(far[name].value - truth().value) <= 4 * far[name].standard_error


@pytest.mark.slow
def test_the_mean_by_position_is_that_over_all_candidates_given_the_earlier_ones():
    """What is subtracted has the mean zero: for values by position, given what came before."""
    log = log_of_clicks(num_sessions=40)
    found = values_of(TARGET, log, Exact(), 1.0, by_position=True)
    slates = log.slate[:, 0]
    observation = tf.nest.map_structure(lambda leaf: leaf[:, 0], log.observation)
    q = Exact().fit(None, None, 1, True)
    distribution, _ = TARGET.decide(observation, ())
    expected = np.zeros(40)
    for candidate in range(6):
        tried = slates.copy()
        tried[:, 1:] = candidate, -1
        prob = np.exp(
            distribution.prefix_log_probs(tf.constant(tried))[:, 1]
            - distribution.prefix_log_probs(tf.constant(slates))[:, 0]
        )
        expected += prob * q(observation, tf.constant(tried), 0, None).numpy()
    np.testing.assert_allclose(found.mean[:, 0, 1], expected, rtol=1e-5)


@pytest.mark.slow
def test_values_of_short_simulated_sessions_serve_longer_logged_ones():
    """No step of the log may be beyond those that some simulated session reached."""
    q = ope.SimulatedQ(LEAVERS, num_sessions=2)
    result = ope.evaluate(near(1.0, 2), log_of_leavers(), ["dr"], q=q)
    assert np.isfinite(result["dr"].value)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dr", "sndr", "set_dr", "cascade_dr", "sncascade_dr"])
def test_values_that_are_wrong_leave_the_logging_policy_its_mean(name):
    """Weights are 1, so a model changes the variance alone."""
    log, policy = log_of_leavers(), near(1.0, 2)
    q = ope.SimulatedQ(LEAVERS, num_sessions=500)
    result = ope.evaluate(policy, log, [name], q=q)
    assert abs(result[name].value - result.logged.value) <= 4 * result[name].standard_error


@pytest.mark.slow
def test_a_regression_on_the_log_is_doubly_robust():
    result = ope.evaluate(TARGET, log_of_clicks(num_sessions=3000), ["ips", "dr"])
    assert result["dr"].standard_error < 0.95 * result["ips"].standard_error
    assert abs(result["dr"].value - truth().value) <= 4 * result["dr"].standard_error


def no_features(observation, slate):
    """With it a regression is the mean over sessions."""
    return tf.zeros([tf.shape(slate)[0], 1])


@pytest.mark.slow
def test_the_value_of_a_session_is_learned_from_the_other_parts_of_the_log():
    log, part = log_of_clicks(num_sessions=40), np.arange(40) % 3
    model = ope.Regression(no_features, num_parts=3)
    values = values_of(TARGET, log, model, 1.0, by_position=False)
    earned = log.earned.sum((1, 2))
    expected = [earned[part != of_session].mean() for of_session in part]
    np.testing.assert_allclose(values.logged[:, 0, 0], expected, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("by_position", [False, True])
def test_the_value_of_a_step_holds_what_later_steps_earn_with_their_discount(by_position):
    log, gamma = log_of_clicks(num_steps=4), 0.5
    model = ope.SimulatedQ(CLICKS, no_features, num_sessions=500)
    q = model.fit(TARGET, log, gamma, by_position)
    played = CLICKS.rollout(TARGET, 500, 4, seed=0).transitions.response.clicked.numpy()
    observation = tf.nest.map_structure(lambda leaf: leaf[:1, 0], log.observation)
    for step in range(4):
        discounts = gamma ** np.arange(1, 4 - step)
        later = (discounts @ played[step + 1 :].sum(2)).mean()
        for position in range(3) if by_position else [2]:
            slate = tf.constant(np.where(np.arange(3) > position, -1, log.slate[:1, 0]))
            now = played[step, :, position if by_position else 0 :].sum(1).mean()
            value = q(observation, slate, tf.constant(step), tf.range(1))
            np.testing.assert_allclose(value, [now + later], rtol=1e-5)


@pytest.mark.slow
def test_simulated_values_serve_sessions_of_several_steps():
    log = log_of_clicks(num_steps=4)
    result = ope.evaluate(near(1.6), log, ["ips", "dr"], q=ope.SimulatedQ(WRONG))
    expected = ope.truth(CLICKS, near(1.6), 4, seed=5)
    assert result["dr"].standard_error < 0.85 * result["ips"].standard_error
    assert abs(result["dr"].value - expected.value) <= 4 * result["dr"].standard_error


@pytest.mark.long
def test_calibration_takes_out_what_a_wrong_model_gets_wrong():
    log = log_of_clicks(num_sessions=4000)
    result = ope.evaluate(TARGET, log, ["simulated", "calibrated"], model=WRONG, logging=near(1.0))
    wrong, mended = result["simulated"], result["calibrated"]
    assert "off on the logging policy itself: read calibrated" in str(wrong.verdict)
    # Weights say how far the difference may be off, and another estimate is read first.
    assert mended.verdict.word == "with care"
    assert mended.verdict.reason.startswith("the model is ")
    snips = ope.evaluate(TARGET, log, ["snips", "calibrated"], model=WRONG, logging=near(1.0))
    assert snips.best == "snips"
    assert abs(mended.value - truth().value) < 0.2 * abs(wrong.value - truth().value)
    right = ope.evaluate(TARGET, log, ["simulated"], model=CLICKS, logging=near(1.0))["simulated"]
    assert right.verdict.word == "with care"
    assert right.verdict.reason == "the error of a model that is given is not known"
    assert abs(right.value - truth().value) <= 4 * right.standard_error


@pytest.mark.slow
def test_discounts_count_in_simulations():
    """All steps earn alike, so the value is that of one step times the sum of the discounts."""
    log, names = log_of_clicks(num_steps=4), ["simulated", "calibrated"]
    result = ope.evaluate(
        TARGET.__call__, log, names, model=CLICKS, logging=near(1.0).__call__, gamma=0.5
    )
    expected = (1 + 0.5 + 0.25 + 0.125) * truth().value
    for estimate in result.values():
        assert abs(estimate.value - expected) <= 4 * estimate.standard_error
        assert estimate.standard_error < 0.05 * expected


@pytest.mark.slow
def test_discounts_count_in_the_weights_that_check_a_model():
    log = log_of_clicks(num_steps=4)
    model = Simulations(CLICKS, near(1.0), log, num_sessions=100, seed=0, gamma=0.5)
    discount = model.of(TARGET).response.discount
    np.testing.assert_allclose(discount, np.tile([1, 0.5, 0.25, 0.125], [len(discount), 1]))


def test_discounts_count_in_the_truth():
    estimate = ope.truth(CLICKS, TARGET, 3, num_sessions=500, gamma=0.5)
    rewards = CLICKS.rollout(TARGET, 500, 3, seed=0).transitions.reward.numpy()
    assert estimate.value == pytest.approx(([1, 0.5, 0.25] @ rewards).mean())


@pytest.mark.slow
def test_the_logging_policy_calibrated_is_the_log_mean_exactly():
    log, policy = log_of_leavers(), near(1.0, 2)
    result = ope.evaluate(policy, log, ["calibrated"], model=LEAVERS, logging=policy)
    assert result["calibrated"].value == result.logged.value


@pytest.mark.slow
def test_a_policy_without_a_density_is_judged_by_a_model():
    policy = largest(3, lambda seen: -tf.abs(seen.documents - seen.user[:, tf.newaxis]))
    estimators = ["calibrated", "simulated"]
    result = ope.evaluate(
        policy, log_of_clicks(), estimators, model=CLICKS, logging=near(1.0), num_simulated=2000
    )
    expected = ope.truth(CLICKS, policy, 1)
    for one in result.values():
        assert abs(one.value - expected.value) <= 4 * one.standard_error
    assert result.weights is None
    # Also one that always shows the same slate may have logged.
    certain = Deterministic(first_positions(3))
    log = logs.from_trajectory(CLICKS.rollout(certain, 500, 1, 0), CLICKS, logging=certain)
    assert "calibrated" in ope.evaluate(policy, log, ["calibrated"], model=CLICKS, logging=certain)


class Fitted:
    """A model with draws of its parameters, as `FitResult` has."""

    simulator = CLICKS

    def __init__(self, spread):
        self.spread = spread

    def draws(self, num_draws, seed):
        rng = np.random.default_rng(seed)
        return {"users.no_click_mass": self.spread * rng.normal(size=num_draws)}


class WithoutErrors:
    """A fitted model without standard errors, as `load_model` gives."""

    simulator = CLICKS

    def __init__(self):
        self.draws = {}


@pytest.mark.slow
def test_a_fit_without_standard_errors_is_never_believed_without_a_word():
    log = log_of_clicks()
    results = [
        ope.evaluate(TARGET, log, ["simulated", "calibrated"], model=model, logging=near(1.0))
        for model in (CLICKS, WithoutErrors())
    ]
    sentence = "the model's fit has no standard errors, so the interval leaves its error out"
    for given, fitted in zip(*(result.values() for result in results), strict=True):
        assert given.value == fitted.value
        assert sentence not in given.verdict.reason
        assert sentence in fitted.verdict.reason
        assert not fitted.verdict.is_promise
    printed = str(results[1])
    assert sentence in printed


@pytest.mark.slow
def test_an_interval_holds_what_the_fit_leaves_open():
    log = log_of_clicks()
    plain, sure, unsure = (
        ope.evaluate(TARGET, log, ["simulated"], model=model)["simulated"]
        for model in (CLICKS, Fitted(1e-6), Fitted(0.5))
    )
    assert plain.value == unsure.value
    assert sure.standard_error == pytest.approx(plain.standard_error, rel=1e-3)
    # The derivative of the click rate in the mass is about -p (1 - p).
    slope = plain.value * (1 - plain.value) * 0.5
    assert unsure.standard_error == pytest.approx(slope, rel=0.5)
    assert plain.verdict.word == "cannot tell"


def test_the_error_of_calibrated_holds_what_the_fit_leaves_open_of_the_difference():
    rng = np.random.default_rng(0)
    returns, new, old = rng.normal(size=[3, 400])
    # What the draws of the parameters change is the same in all sessions.
    new_draws, old_draws = rng.normal(size=[2, 20, 1]) + rng.normal(size=[2, 1, 50])
    sample = Sample({}, returns[:, np.newaxis, np.newaxis], np.ones([400, 1]))
    model = Simulated(new, new_draws, old, old_draws, response="unchecked")
    estimate = model.difference(sample, level=0.95)
    of_sessions = (returns + new - old).std(ddof=1) / np.sqrt(400)
    of_fit = (new_draws - old_draws).mean(1).std(ddof=1)
    assert estimate.standard_error == pytest.approx(of_sessions + of_fit)
    assert np.ptp(estimate.interval) > 2 * 1.95 * estimate.standard_error
    of_change = np.hypot((new - old).std(ddof=1) / np.sqrt(400), of_fit)
    assert np.ptp(estimate.gain.interval) > 2 * 1.95 * of_change


def test_simulated_sessions_of_a_user_are_not_independent():
    """Of 30 users with 20 sessions each half of the sessions are followed."""
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(30), 20)
    returns, row = rng.normal(size=600), np.sort(rng.choice(600, 300, replace=False))
    change = np.repeat(rng.normal(size=30), 20)[row]
    sample = Sample({}, returns[:, np.newaxis, np.newaxis], np.ones([600, 1]), users)
    model = Simulated(change, (), np.zeros(300), (), response="unchecked", row=row)
    estimate = model.difference(sample, level=0.95)
    by_user = Mean.of(change, users[row])
    assert by_user.standard_error > 2 * change.std() / np.sqrt(300)
    low, high = by_user.interval(0.95)
    assert np.ptp(estimate.gain.interval) >= high - low


def estimate_by_model(change, gap):
    """An estimate with the gain of a model, and the gap by which the log is beyond it."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=400)
    response = gap
    if not isinstance(gap, str):
        response = ResponseGap(gap + 0.02 * noise, 0.02 * rng.normal(size=1000))
    gains = change + 0.1 * noise
    estimate = ope.Estimate.of_sessions(gains, 0.95)
    return estimate._replace(response=response)


def test_the_difference_of_two_policies_holds_the_bias_of_the_models_responses():
    """The model finds .2 between two policies, of which weights in the log see .1 more."""
    better, worse = estimate_by_model(0.3, 0.15), estimate_by_model(0.1, 0.05)
    gain = better.difference(worse, 0.95)
    assert gain.value == pytest.approx(0.2)
    # The errors of sessions, which both have, fall out of the difference.
    np.testing.assert_allclose(gain.interval, (0.2, 0.3), atol=2e-3)
    low, high = worse.difference(better, 0.95).interval
    np.testing.assert_allclose((low, high), (-0.3, -0.2), atol=2e-3)


def test_where_the_log_does_not_show_responses_the_error_is_as_large_as_the_gain():
    better, worse = estimate_by_model(0.3, "too few sessions"), estimate_by_model(0.1, 0.05)
    for first, second, size in ((better, worse, 0.2), (worse, better, -0.2)):
        interval = first.difference(second, 0.95).interval
        np.testing.assert_allclose(interval, sorted((0.0, 2 * size)), atol=2e-3)


@pytest.mark.parametrize("sign", [1, -1])
def test_intervals_reach_to_the_side_on_which_the_log_gains_more_than_the_model(sign):
    """Half of the sessions have the weight 1.5 and half 0.5. By weights the log, in which only
    sessions of the one half earn 1, has a gain of 0.25 or -0.25, and the model has none.
    """
    weights = np.tile([1.5, 0.5], 100)
    earns = np.tile([1.0, 0.0] if sign > 0 else [0.0, 1.0], 100)
    of_model = np.tile([1.0, 1.0, 0.0, 0.0], 50)
    log, played = (
        Sample({"slate": weights[:, None]}, rewards[:, None, None], np.ones([200, 1]))
        for rewards in (earns, of_model)
    )
    estimate = Simulated(of_model, (), of_model, (), response=played).difference(log, level=0.95)
    gap = estimate.response.mean
    assert gap.value == pytest.approx(0.25 * sign)
    assert estimate.value == pytest.approx(0.5)
    assert estimate.gain.value == 0
    # Intervals have the same margin beyond both bounds of the bias, 0 and the gap.
    np.testing.assert_allclose(np.mean(estimate.interval), 0.5 + 0.125 * sign)
    np.testing.assert_allclose(np.mean(estimate.gain.interval), 0.125 * sign)
    assert np.ptp(estimate.gain.interval) > 0.25


def test_the_variance_between_draws_has_no_noise_of_sessions():
    rng = np.random.default_rng(0)
    of_draws, of_sessions = rng.normal(size=[200, 1]), 3 * rng.normal(size=[1, 400])
    noise = 5 * rng.normal(size=[200, 400])
    found = error_of_draws(0.1 * of_draws + of_sessions + noise)
    assert found == pytest.approx(0.1, abs=0.1)
    assert error_of_draws(of_sessions + 0 * of_draws) == 0


class Unmoved(type(CLICKS.users)):
    """Users who take what is close as they take what is far."""

    def response(self, state, slate):
        choice = recsim_tf.choice.MultinomialLogit(self.no_click_mass)
        return choice(tf.zeros_like(slate.documents), slate.mask)


@pytest.mark.slow
def test_a_model_that_meets_the_mean_but_not_the_response_to_slates_is_found_out():
    """Users do not take slates that suit them more often, in a model of the right level."""
    log = log_of_clicks(num_sessions=10_000)
    mean = log.earned.sum((1, 2)).mean()
    level = float(np.log(3 * (1 - mean) / mean))
    model = recsim_tf.Simulator(Unmoved(no_click_mass=level), CLICKS.documents, 3, 6)
    names = ["simulated", "calibrated"]
    result = ope.evaluate(TARGET, log, names, model=model, logging=near(1.0))
    for estimate in result.values():
        assert estimate.verdict.word == "not believable"
        assert "users take other slates otherwise than the model" in estimate.verdict.reason


@pytest.mark.slow
def test_a_model_that_cannot_be_checked_is_believed_with_care():
    log = log_of_clicks(num_sessions=200)
    result = ope.evaluate(near(9.0), log, ["calibrated"], model=CLICKS, logging=near(1.0))
    verdict = result["calibrated"].verdict
    assert verdict.word == "with care"
    assert "the log cannot tell how users take other slates" in verdict.reason


@pytest.mark.slow
def test_the_interval_of_a_right_model_holds_its_response_to_slates():
    log = log_of_clicks(num_sessions=2000)
    result = ope.evaluate(TARGET, log, ["snips", "calibrated"], model=CLICKS, logging=near(1.0))
    gain = truth().value - ope.truth(CLICKS, near(1.0), 1).value
    for estimate in result.values():
        low, high = estimate.gain.interval
        assert low < gain < high
    # The model does not make the log tell more than it does.
    widths = [np.ptp(result[name].gain.interval) for name in ("calibrated", "snips")]
    assert widths[0] > 0.5 * widths[1]
