# SPDX-License-Identifier: Apache-2.0
"""Expectations of responses with several clicks, dwell times, ratings and purchases."""

from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.fitting import LBFGS, Draws, Parameter, Particles, fit, write_report
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.predictions.choices import calibrate, predict_choices
from recsim_tf.fitting.predictions.responses import predict_responses
from recsim_tf.fitting.validation.resimulation import Resimulation
from recsim_tf.fitting.validation.statistics import predictive_check
from recsim_tf.logs import from_trajectory, simulated_log
from recsim_tf.logs.log import take_steps
from recsim_tf.policies import random_policy
from tests.web_page import read_page
from tests.worlds.clicks import Numbers
from tests.worlds.purchases import purchases


class Draw(NamedTuple):
    clicked: Any  # int32 [B, K]
    dwell: Any  # [B, K], of what is clicked
    rating: Any  # int32 [B], of the whole slate, where something is clicked


class Response(NamedTuple):
    clicked: Any
    dwell: Any


class Watchers(recsim_tf.UserModel):
    """Users of a taste, by which they click, watch and rate; it may drift."""

    dwell_loc: Any = recsim_tf.parameter(1.0)
    dwell_spread: Any = recsim_tf.parameter(0.5)
    rating_loc: Any = recsim_tf.parameter(0.0)
    drift: Any = recsim_tf.parameter(0.5)

    def initial_draws(self, num_users):
        return tfd.Normal(tf.zeros([num_users]), 1.0)

    def response(self, state, slate):
        liking = state[:, tf.newaxis] * slate.documents

        def dwell(clicked):
            loc = self.per_user("dwell_loc", 2) + 0.3 * liking
            times = tfd.LogNormal(loc, self.per_user("dwell_spread", 2))
            return tfd.Independent(tfd.Masked(times, clicked > 0), 1)

        def rating(clicked):
            level = (self.per_user("rating_loc") + state)[:, tf.newaxis]
            stars = tfd.Categorical(logits=level * tf.range(-1.0, 2.0))
            return tfd.Masked(stars, tf.reduce_any(clicked > 0, axis=1))

        clicks = tfd.Independent(tfd.Bernoulli(logits=liking - 0.5), 1)
        return tfd.JointDistributionNamed(Draw(clicks, dwell, rating))

    def outcome(self, state, slate, draw):
        clicked = tf.cast(draw.clicked, tf.float32)
        return Response(clicked, clicked * draw.dwell)

    def innovation(self, state, slate, response):
        return tfd.Normal(tf.zeros_like(state), 1.0)

    def update(self, state, slate, response, innovation):
        return state + self.per_user("drift") * innovation

    def observe(self, state):
        return state[:, tf.newaxis][:, :0]


def watchers(**users):
    return recsim_tf.Simulator(Watchers(**users), Numbers(), 3, 3)


@pytest.fixture(scope="module", name="log")
def fixture_log():
    return simulated_log(watchers(), 300, 4)


@pytest.fixture(scope="module", name="hidden")
def fixture_hidden(log):
    return log._replace(initial=(), innovation=())


@pytest.mark.slow
def test_what_is_expected_of_a_known_user_is_worked_out_by_hand(log):
    fields = predict_responses(watchers(), log).fields
    assert list(fields) == ["clicked", "dwell", "rating"]
    liking = log.initial[:, np.newaxis] * log.documents[:, 0]
    first = {name: [leaf[:, 0] for leaf in field] for name, field in fields.items()}
    mean, logged, counted = first["clicked"]
    np.testing.assert_allclose(mean, 1 / (1 + np.exp(0.5 - liking)), rtol=1e-5)
    clicked = log.response.clicked[:, 0] == 1
    np.testing.assert_array_equal(logged, clicked)
    assert counted.all()
    mean, logged, counted = first["dwell"]
    np.testing.assert_allclose(mean[clicked], np.exp(1 + 0.3 * liking + 0.125)[clicked], rtol=1e-5)
    np.testing.assert_array_equal(logged, log.response.dwell[:, 0])
    np.testing.assert_array_equal(counted, clicked)
    mean, logged, counted = first["rating"]
    odds = np.exp(log.initial[:, np.newaxis] * np.arange(-1, 2))
    expected = odds @ np.arange(3) / odds.sum(axis=1)
    rated = clicked.any(axis=1)
    np.testing.assert_array_equal(counted, rated)
    np.testing.assert_allclose(mean[rated], expected[rated], rtol=1e-5)
    np.testing.assert_array_equal(logged, log.response.rating[:, 0])


@pytest.mark.slow
def test_positions_that_are_empty_do_not_count(log):
    shown = log.shown.copy()
    shown[:, :, 2] = False
    response = log.response._replace(clicked=np.where(shown, log.response.clicked, 0))
    fields = predict_responses(watchers(), log._replace(shown=shown, response=response)).fields
    assert not fields["clicked"].counted[:, :, 2].any()
    assert not fields["dwell"].counted[:, :, 2].any()


def calibrations(simulator, log):
    responses = predict_responses(simulator, log, num_draws=500)
    return calibrate(responses, log)


@pytest.mark.slow
def test_the_model_that_made_a_log_is_calibrated_and_others_are_not(hidden):
    true = calibrations(watchers(), hidden)
    assert list(true) == ["clicked", "dwell", "rating"]
    for name, found in true.items():
        assert found.expected_error < 2 * found.noise, name
    wrong = calibrations(watchers(dwell_loc=1.3, rating_loc=1.0), hidden)
    assert wrong["clicked"].expected_error < 2 * wrong["clicked"].noise
    for name in ("dwell", "rating"):
        assert wrong[name].expected_error > 3 * wrong[name].noise, name


@pytest.mark.slow
def test_purchases_and_clicks_are_calibrated_each():
    simulator = purchases()
    log = from_trajectory(simulator.rollout(random_policy(simulator), 500, 4, seed=0))
    responses = predict_responses(simulator, log)
    assert list(responses.fields) == ["clicked", "purchased"]
    found = calibrate(responses, log)["purchased"]
    assert found.expected_error < 2 * found.noise
    other = purchases(users={"price_effect": -0.3})
    found = calibrate(predict_responses(other, log), log)["purchased"]
    assert found.expected_error > 3 * found.noise


def after(log, begun):
    """The steps of each session after the first ones."""
    length = log.length - begun
    steps = np.minimum(
        begun[:, np.newaxis] + np.arange(length.max()), log.length[:, np.newaxis] - 1
    )
    return log.map_steps(lambda leaf: take_steps(leaf, steps))._replace(length=length)


@pytest.mark.slow
def test_next_visits_are_predicted_from_those_that_are_known(hidden):
    # Of different lengths, in the past and after it.
    length = np.arange(hidden.num_sessions) % 2 + 3
    log = hidden.cut(length.astype(np.int32))
    begun = (np.arange(log.num_sessions) % 3 // 2 + 1).astype(np.int32)
    past, later = log.cut(begun), after(log, begun)
    tf.nest.map_structure(np.testing.assert_array_equal, past.followed_by(later), log)
    whole = predict_choices(watchers(), log, batch_size=128)
    found = predict_choices(watchers(), later, batch_size=128, given=past)
    assert found.probs.shape == later.shown.shape
    for row in range(log.num_sessions):
        np.testing.assert_array_equal(
            found.log_prob[row, : later.length[row]], whole.log_prob[row, begun[row] : length[row]]
        )
    new = predict_choices(watchers(), later)
    gain = (found.log_prob - new.log_prob)[later.active]
    assert gain.mean() > 3 * gain.std() / np.sqrt(len(gain)), "the past tells of the taste"


def test_steps_of_other_sessions_are_refused(hidden):
    with pytest.raises(ValueError, match="later must have the 300 sessions that it continues"):
        predict_choices(watchers(), hidden.take([0]), given=hidden)


@pytest.mark.slow
def test_latent_tastes_that_drift_are_summed_out(hidden):
    """The product of the predictions is the likelihood, by the chain rule."""
    log = hidden.take(range(30))

    class Clickers(Watchers):
        def response(self, state, slate):
            return super().response(state, slate).model.clicked

        def outcome(self, state, slate, draw):
            return recsim_tf.Clicks(tf.cast(draw, tf.float32))

    log = log._replace(response=log.response.clicked)
    simulator = recsim_tf.Simulator(Clickers(), Numbers(), 3, 3)
    predicted = predict_choices(simulator, log, num_draws=4000)
    fitted = FittedSimulator(simulator, {"users.drift": Parameter()})
    likelihood = (
        Particles(200, initial=Draws(200), search=LBFGS(batch_size=30))
        .objective(fitted, log)
        .value()
    )
    assert predicted.log_prob[log.active].sum() == pytest.approx(likelihood, abs=1.5)


@pytest.fixture(scope="module", name="check")
def fixture_check(log):
    return predictive_check(Resimulation(watchers(), log), 20)


@pytest.mark.slow
def test_sums_of_what_is_drawn_beside_clicks_are_checked(log, check):
    names = {name for name in check.statistics if name.startswith("response/")}
    fields = ("dwell", "rating")
    statistics = ("mean", "standard_deviation")
    expected = {f"response/{one}_per_step/{two}" for one in fields for two in statistics}
    expected |= {f"response/{one}_and_those_before/correlation" for one in fields}
    expected |= {f"response/dwell_per_step/shape_{part}%" for part in (10, 50, 90)}
    assert names == expected
    dwell = np.sum(log.response.dwell, where=log.response.clicked == 1, axis=2)[log.active]
    observed = check.statistics["response/dwell_per_step/mean"].observed
    assert observed == pytest.approx(dwell.mean(), rel=1e-5)
    assert max(abs(each.z_score) for each in check.statistics.values()) < 3.5
    other = predictive_check(Resimulation(watchers(dwell_spread=1.0), log), 20).statistics
    assert other["response/dwell_per_step/standard_deviation"].z_score < -2.5
    assert abs(other["clicks_per_step/mean"].z_score) < 3.5


@pytest.mark.slow
def test_what_the_reward_sums_up_is_not_checked_twice(log):
    simulator = recsim_tf.Simulator(
        Watchers(), Numbers(), 3, 3, lambda response: tf.reduce_sum(response.dwell, axis=1)
    )
    names = predictive_check(Resimulation(simulator, log), 20).statistics
    assert "engagement_per_step/mean" in names
    assert not any(name.startswith("response/dwell") for name in names)


@pytest.mark.slow
def test_a_report_tells_of_each_field(log, tmp_path):
    log = log.take(range(100))
    result = fit(watchers(), {"users.dwell_loc": Parameter(0.5)}, log)
    estimate = result.estimates["users.dwell_loc"]
    assert abs(estimate.value - 1.0) < 3 * estimate.standard_error
    expected = 0.5 / np.sqrt(np.sum(log.response.clicked[log.active]))
    assert estimate.standard_error == pytest.approx(expected, rel=0.15)
    path = tmp_path / "fit.html"
    found = write_report(path, result, log)["predicts"]["calibrations"]
    assert list(found) == ["click probability", "dwell", "rating"]
    assert found["dwell"]["expected_error"] < 2 * found["dwell"]["noise"]
    page = read_page(path)
    assert "Observed against predicted rating: means of" in page.text
    # Search, calibrations of clicks and both fields, click rates, clicks and sums of both fields,
    # areas under the curve.
    assert len(page.images) == 9
