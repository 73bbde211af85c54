# SPDX-License-Identifier: Apache-2.0
import dataclasses
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.core.base.parameters import parameter
from recsim_tf.environments.drifting_taste import Catalogue, DriftingTasteUsers, drifting_taste
from recsim_tf.experiment.commands.fit import estimates_table
from recsim_tf.fitting import Curvature, Exact, Parameter, Scores, fit
from recsim_tf.fitting.estimates import covariance, named_elements
from recsim_tf.fitting.report.sections import parameters, summary
from recsim_tf.fitting.saving.card import model_card
from recsim_tf.logs import simulated_log
from recsim_tf.support.tables import number


class Overparametrised(DriftingTasteUsers):
    """Users of whom a log tells the sum of two slopes, and nothing of a third."""

    first: Any = parameter(0.3)
    second: Any = parameter(0.2)
    faint: Any = parameter(0.0)
    dtype: tf.DType = dataclasses.field(default=tf.float64, kw_only=True)

    def scores(self, state, documents):
        slopes = self.per_user("first", 2) + self.per_user("second", 2)
        features = documents.factors
        faint = 1e-9 * self.per_user("faint", 2)
        return (
            super().scores(state, documents) + slopes * features[..., 0] + faint * features[..., 1]
        )


def simulator():
    factors = np.random.default_rng(0).standard_normal([6, 2])
    users = Overparametrised(2, gain=0.3, decay=0.8)
    documents = Catalogue(6, 2, factors=factors, dtype=tf.float64)
    return drifting_taste(slate_size=3, num_candidates=5, users=users, documents=documents)


@pytest.fixture(scope="module")
def log():
    return simulated_log(simulator(), 200, 8)


def fitted(log, names, uncertainty):
    named = {f"users.{name}": Parameter() for name in names}
    return fit(simulator(), named, log, method=Exact(uncertainty=uncertainty))


@pytest.fixture(scope="module")
def result(log):
    return fitted(log, ["gain", "first", "second", "faint"], Scores())


@pytest.mark.slow
def test_parameters_of_which_the_log_says_nothing_are_named_and_the_errors_of_others_kept(
    log, result
):
    assert named_elements(result.not_identified) == ["users.first", "users.second", "users.faint"]
    for name in result.not_identified:
        estimate = result.estimates[name]
        assert np.isnan([estimate.standard_error, estimate.low, estimate.high]).all()
    alone = fitted(log, ["gain", "first"], Scores())
    assert not alone.not_identified
    for name, truth in (("users.gain", 0.3), ("users.first", 0.3)):
        assert abs(alone.estimates[name].value - truth) < 3 * alone.estimates[name].standard_error
    assert result.estimates["users.gain"].standard_error == pytest.approx(
        alone.estimates["users.gain"].standard_error, rel=1e-3
    )


@pytest.mark.slow
def test_curvature_finds_them_too(log, result):
    found = fitted(log, ["gain", "first", "second", "faint"], Curvature())
    assert found.not_identified == result.not_identified
    assert found.estimates["users.gain"].standard_error == pytest.approx(
        result.estimates["users.gain"].standard_error, rel=0.2
    )


@pytest.mark.slow
def test_a_bias_that_all_items_share_is_not_identified_where_a_choice_is_certain(log):
    bias = {"documents.bias": Parameter(np.zeros(6)), "users.gain": Parameter()}
    found = fit(simulator(), bias, log)
    assert named_elements(found.not_identified, most=5) == ["documents.bias (6 of 6 numbers)"]
    assert found.estimates["users.gain"].standard_error > 0


@pytest.mark.slow
def test_report_card_and_summary_say_it_in_place_of_a_number(log, result):
    found = parameters(result.estimates, result.confidence, result.not_identified, result.at_edge)
    page = str([*summary(result, log, None), *found])
    assert page.count("not identified") == 4
    assert "users.first, users.second, users.faint" in page
    metadata = {"title": "Three", **{name: {} for name in ("model", "data", "fit", "checks")}}
    card = model_card(metadata, result)
    value = result.estimates["users.first"].value
    assert f"| users.first | {number(float(value))} | not identified |" in " ".join(card.split())
    content = {
        "estimates": {
            "users.first": {"value": 0.5, "standard_error": None, "low": None, "high": None}
        },
        "not_identified": named_elements(result.not_identified),
        "confidence": 0.95,
        "log_likelihood_per_step": -1.0,
        "sessions": 200,
        "held_out_log_likelihood_per_step": None,
        "converged": True,
        "diverged": False,
    }
    table = estimates_table(content)
    assert "users.first 0.5 not identified" in " ".join(table.split())
    assert "Not identified: users.first, users.second, users.faint." in table


def test_units_do_not_matter_and_the_errors_of_what_is_known_are_those_of_the_inverse():
    known = np.array([[4.0, 1.0], [1.0, 2.0]])
    information = np.zeros([4, 4])
    information[:2, :2] = known
    # The third and the fourth act by their sum alone.
    information[2:, 2:] = 3.0
    units = np.array([1.0, 1e3, 1e-3, 1.0])
    found = covariance(information * np.outer(units, units), np.zeros(4))
    np.testing.assert_allclose(found[:2, :2] * np.outer(units[:2], units[:2]), np.linalg.inv(known))
    assert np.isnan(found[2:]).all()
    assert np.isnan(found[:, 2:]).all()
    assert np.isnan(covariance(np.array([[1e-20]]), np.zeros(1)))
    # A coefficient of thousands may have an error of thousands.
    assert covariance(np.array([[1e-10]]), np.array([5e4])) > 0
