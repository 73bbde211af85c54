# SPDX-License-Identifier: Apache-2.0
"""Points that are adapted to each session, of normals that are seen with normal noise."""

from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.fitting import Draws, MeanField, Minibatches, Parameter, fit, save_model
from recsim_tf.fitting.estimates import named_elements
from recsim_tf.fitting.methods import default
from recsim_tf.fitting.methods.default import default_method
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.report.sections import summary
from recsim_tf.logs import simulated_log
from tests.fitting.shoppers import Shoppers, exact
from tests.worlds.clicks import Numbers
from tests.worlds.latents import Raters, latents

NUM_SESSIONS, NUM_STEPS = 40, 5
MEAN, SPREAD = 0.4, 1.5


def simulator(noise, spread=SPREAD):
    return latents(users={"mean": MEAN, "spread": spread, "noise": noise})


def log_of(noise, num_sessions=NUM_SESSIONS, spread=SPREAD):
    world = simulator(noise, spread)
    return simulated_log(world, num_sessions, NUM_STEPS, seed=2, latent=("initial",))


def evidence(log, noise):
    """The log-likelihoods of sessions, [S]."""
    number, mean = log.response.shape[1], log.response.mean(axis=1)
    within = norm.logpdf(log.response, mean[:, np.newaxis], noise).sum(axis=1)
    # Of the mean of a session, whose density cancels the one that stands in the sum.
    of_mean = norm.logpdf(mean, MEAN, np.hypot(SPREAD, noise / number**0.5))
    return within + of_mean - norm.logpdf(0, 0, noise / number**0.5)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [2.0, 0.01])
def test_sixteen_points_give_the_evidence_also_where_a_session_tells_all_of_its_user(noise):
    log = log_of(noise)
    fitted = FittedSimulator(simulator(noise), {"users.mean": Parameter()})
    objective = Draws(16, points="adapted").objective(fitted, log)
    # The posterior is normal, so that the rule is exact but for the curvature by differences.
    np.testing.assert_allclose(objective.by_session(), evidence(log, noise), atol=0.002)
    # Of the mean of the population, whose standard error is one over the root of the information.
    variance = SPREAD**2 + noise**2 / NUM_STEPS
    score = np.sum(log.response.mean(axis=1) - MEAN) / variance
    error = (NUM_SESSIONS / variance) ** 0.5
    assert float(objective.total()[1][0]) == pytest.approx(score, abs=0.002 * error)
    fresh = objective.under_fresh_draws()
    assert fresh.log_likelihood == pytest.approx(evidence(log, noise).sum(), abs=1.0)
    assert fresh.effective_draws > 12
    assert "summed out by at most 16 adapted points of each session" in objective.latents


@pytest.mark.slow
def test_points_move_with_the_parameters_when_they_are_adapted_again():
    log = log_of(0.05)
    fitted = FittedSimulator(
        simulator(0.05), {"users.mean": Parameter(), "users.noise": Parameter()}
    )
    objective = Draws(16, points="adapted").objective(fitted, log)
    fitted.assign_flat(np.array([MEAN, 0.5]))
    before = objective.under_fresh_draws().effective_draws
    assert objective.adapt()
    assert objective.under_fresh_draws().effective_draws > before + 2
    np.testing.assert_allclose(objective.by_session(), evidence(log, 0.5), atol=0.2)


@pytest.mark.slow
def test_sessions_whose_draw_is_logged_count_as_they_are():
    world = recsim_tf.Simulator(Shoppers(dtype=tf.float64), Numbers(dtype=tf.float64), 2, 2)
    log = simulated_log(world, 12, 3, seed=1)
    taste = np.where(np.arange(12) < 5, np.nan, log.initial.taste)
    some = log._replace(initial=log.initial._replace(taste=taste))
    expected = exact(some, log.initial.device, log.initial.eager, taste)
    fitted = FittedSimulator(world, {"users.loc": Parameter()})
    for method, atol in ((Draws(16, points="adapted"), 0.2), (Draws(2000), 0.2)):
        objective = method.objective(fitted, some)
        by_session = objective.by_session()
        # Not the likelihood given the draw, and the density of the draw is in it.
        np.testing.assert_allclose(by_session[5:], expected[5:], rtol=1e-6)
        np.testing.assert_allclose(by_session[:5], expected[:5], atol=atol)


@pytest.mark.slow
def test_classes_beside_a_taste_have_normals_of_their_own():
    world = recsim_tf.Simulator(Shoppers(dtype=tf.float64), Numbers(dtype=tf.float64), 2, 2)
    log = simulated_log(world, 12, 3, seed=1)
    some = log._replace(initial={"eager": log.initial.eager})
    fitted = FittedSimulator(world, {"users.loc": Parameter()})
    objective = Draws(64, points="adapted").objective(fitted, some)
    np.testing.assert_allclose(
        objective.by_session(), exact(log, eager=log.initial.eager), atol=0.05
    )


@pytest.mark.slow
def test_a_default_fit_of_hidden_draws_has_errors_and_says_which_parameters_the_log_tells():
    log = log_of(1.0, 60)
    result = fit(simulator(1.0), {"users.mean": Parameter(), "users.spread": Parameter()}, log)
    assert isinstance(result.method, Draws)
    assert result.converged
    # The maximum of the evidence in the mean is the mean of the means, with this error.
    means, error = log.response.mean(axis=1), np.hypot(SPREAD, 1 / NUM_STEPS**0.5) / 60**0.5
    estimate = result.estimates["users.mean"]
    assert estimate.value == pytest.approx(means.mean(), abs=0.1 * error)
    assert estimate.standard_error == pytest.approx(error, rel=0.15)
    spread = result.estimates["users.spread"]
    expected = np.sqrt(means.var() - 1 / NUM_STEPS)
    assert spread.value == pytest.approx(expected, abs=0.1 * float(spread.standard_error))
    assert not result.not_identified
    assert result.of_errors == ""
    assert (result.to_frame()["note"] == "").all()


def test_draws_become_four_times_as_many_up_to_a_limit():
    assert Draws(16, points="adapted").enlarged() == Draws(64, points="adapted")
    assert Draws(1000).enlarged() is None
    assert MeanField().enlarged() is None


class Pair(NamedTuple):
    """Two hidden numbers, [B] each."""

    first: Any
    second: Any


class PairedRaters(Raters):
    """Raters whose mean is the sum of two hidden numbers."""

    def initial_draws(self, num_users):
        numbers = (MEAN / 2, SPREAD / 2**0.5)
        normal = tfd.Normal(*(tf.fill([num_users], tf.cast(x, self.dtype)) for x in numbers))
        return tfd.JointDistributionNamed(Pair(normal, normal))

    def initial_state(self, draw):
        return draw.first + draw.second


@pytest.mark.slow
def test_two_numbers_have_a_rule_of_as_many_nodes_as_fit():
    log = log_of(2.0)
    paired = simulator(2.0).replaced(users=PairedRaters(MEAN, SPREAD, 2.0, dtype=tf.float64))
    fitted = FittedSimulator(paired, {"users.noise": Parameter(2.0, "positive")})
    by_rule = Draws(30, points="adapted").objective(fitted, log)
    np.testing.assert_allclose(by_rule.by_session(), evidence(log, 2.0), atol=0.002)


class Triple(NamedTuple):
    """Two hidden numbers and a logged one, [B] each."""

    first: Any
    second: Any
    age: Any


class AgedRaters(PairedRaters):
    """Paired raters with an age that does nothing."""

    def initial_draws(self, num_users):
        pair = super().initial_draws(num_users).model
        return tfd.JointDistributionNamed(Triple(pair.first, pair.second, pair.first))


@pytest.mark.slow
def test_parts_that_are_hidden_beside_a_logged_one_have_rules_and_fresh_points():
    log = log_of(2.0)
    aged = simulator(2.0).replaced(users=AgedRaters(MEAN, SPREAD, 2.0, dtype=tf.float64))
    log = log._replace(initial={"age": np.full(NUM_SESSIONS, 0.5)})
    fitted = FittedSimulator(aged, {"users.noise": Parameter(2.0, "positive")})
    objective = Draws(16, points="adapted").objective(fitted, log)
    of_age = norm.logpdf(0.5, MEAN / 2, SPREAD / 2**0.5)
    np.testing.assert_allclose(objective.by_session(), evidence(log, 2.0) + of_age, atol=0.01)
    expected = float(np.sum(evidence(log, 2.0) + of_age))
    assert objective.under_fresh_draws().log_likelihood == pytest.approx(expected, abs=1.0)


class Skewed(Raters):
    """Raters whose ratings have an error that grows with their mean."""

    def response(self, state, slate):
        return tfd.Normal(state, self.per_user("noise") * tf.exp(state))


@pytest.mark.slow
def test_a_default_fit_goes_on_to_more_draws_where_these_would_move_the_estimates(monkeypatch):
    parameters = {"users.mean": Parameter(), "users.spread": Parameter()}
    monkeypatch.setattr(default, "_NUM_ADAPTED", {})
    monkeypatch.setattr(default, "_NUM_ADAPTED_OF_MORE", 2)
    # Where the likelihood of a session is no normal one, two nodes are too few.
    world = simulator(2.0).replaced(users=Skewed(MEAN, SPREAD, 2.0, dtype=tf.float64))
    log = simulated_log(world, 300, NUM_STEPS, seed=2, latent=("initial",))
    result = fit(world, parameters, log)
    assert result.method.num_draws > 2


def test_a_default_is_chosen_by_what_is_hidden():
    class Many(Raters):
        def initial_draws(self, num_users):
            zeros = tf.zeros([num_users, 40], self.dtype)
            return tfd.Independent(tfd.Normal(zeros, tf.ones([], self.dtype)), 1)

        def initial_state(self, draw):
            return draw[:, 0]

    log = log_of(1.0, 4)
    assert default_method(simulator(1.0), log) == Draws(9, points="adapted")
    many = simulator(1.0).replaced(users=Many())
    assert default_method(many, log) == MeanField()


def test_discrete_draws_have_no_adapted_points():
    class Counted(Raters):
        def initial_draws(self, num_users):
            return tfd.Poisson(tf.ones([num_users], self.dtype))

    world = simulator(1.0).replaced(users=Counted())
    log = log_of(1.0, 4)
    assert default_method(world, log) == Draws(200)


class Twins(Raters):
    """Raters whose mean is the sum of two parameters."""

    rest: Any = recsim_tf.parameter(0.0)

    def response(self, state, slate):
        return tfd.Normal(state + self.per_user("rest"), self.per_user("noise"))


@pytest.mark.slow
def test_parameters_of_hidden_tastes_that_the_log_cannot_tell_apart_are_named():
    users = Twins(MEAN, SPREAD, 1.0, dtype=tf.float64)
    twins = simulator(1.0).replaced(users=users)
    names = ("users.mean", "users.rest", "users.spread")
    result = fit(twins, {name: Parameter() for name in names}, log_of(1.0, 60))
    assert named_elements(result.not_identified) == ["users.mean", "users.rest"]
    assert result.estimates["users.spread"].standard_error > 0
    notes = dict(result.to_frame()[["parameter", "note"]].to_numpy().tolist())
    assert notes == dict.fromkeys(names[:2], "not identified") | {"users.spread": ""}


@pytest.mark.slow
def test_a_spread_at_zero_has_no_interval_and_every_surface_says_so():
    log = log_of(1.0, 60)
    # All means are the same, less apart than by chance.
    log = log._replace(response=log.response - log.response.mean(axis=1, keepdims=True))
    parameters = {"users.mean": Parameter(), "users.spread": Parameter(0.5, "positive")}
    result = fit(simulator(1.0), parameters, log)
    assert list(result.at_edge) == ["users.spread"]
    estimate = result.estimates["users.spread"]
    assert np.isnan([estimate.standard_error, estimate.low, estimate.high]).all()
    assert result.estimates["users.mean"].standard_error == pytest.approx(
        1 / (60 * NUM_STEPS) ** 0.5, rel=0.1
    )
    assert not result.not_identified
    assert not result.converged
    sentence = "No standard error or interval has a meaning at the edge of the support"
    assert f"{sentence}: users.spread." in repr(result)
    assert "at the edge" in result._repr_html_()
    assert result.to_frame()["note"].tolist() == ["", "at the edge"]


@pytest.mark.slow
def test_every_surface_says_that_a_bound_gives_no_standard_errors(tmp_path):
    log = log_of(1.0, 20)
    method = MeanField(search=Minibatches(passes=2, progress=False))
    result = fit(simulator(1.0), {"users.mean": Parameter()}, log, method=method)
    sentence = "it gives no standard errors"
    assert sentence in repr(result)
    assert sentence in result._repr_html_()
    assert result.to_frame()["note"].tolist() == ["a bound, see MeanField"]
    assert sentence in str(summary(result, log, None))
    save_model(tmp_path / "model", result)
    assert sentence in (tmp_path / "model" / "MODEL_CARD.md").read_text()
