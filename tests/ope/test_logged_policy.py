# SPDX-License-Identifier: Apache-2.0
"""Logging policies that are estimated."""

import pytest
import tensorflow as tf

from recsim_tf import logs, ope
from recsim_tf.logs.densities import densities
from tests.ope.worlds import log_of_clicks, near


def distance(seen):
    return tf.abs(seen.documents - seen.user[:, tf.newaxis])[..., tf.newaxis]


@pytest.mark.slow
def test_the_policy_that_logged_is_found_and_the_verdict_says_that_it_is_estimated():
    log = log_of_clicks(num_sessions=3000)
    unknown = log._replace(propensity=logs.SlateLogProbs())
    fitted = ope.fit_logging(unknown, distance)
    assert fitted.coefficients.numpy() == pytest.approx([-1.0], abs=0.1)
    found = densities(fitted, ["slate"])(log).slate
    assert found.mean() >= log.propensity.slate.mean()
    known = ope.evaluate(near(2.0), log)["snips"]
    estimated = ope.evaluate(near(2.0), unknown, logging=fitted)["snips"]
    assert estimated.value == pytest.approx(known.value, rel=0.03)
    assert str(estimated.verdict) == "with care: propensities estimated"
    # Those of the log go first.
    assert ope.evaluate(near(2.0), log, logging=fitted)["snips"].verdict == known.verdict


@pytest.mark.slow
def test_a_constant_feature_does_not_change_the_policy():
    log = log_of_clicks(num_sessions=300)
    fitted = ope.fit_logging(log, distance)
    with_one = ope.fit_logging(
        log, lambda seen: tf.concat([distance(seen), tf.ones_like(distance(seen))], axis=-1)
    )
    assert with_one.coefficients.numpy()[0] == pytest.approx(fitted.coefficients.numpy()[0], 1e-5)


@pytest.mark.slow
def test_a_policy_that_is_known_may_stand_for_the_probabilities_of_a_log():
    log = log_of_clicks()
    unknown = log._replace(propensity=logs.SlateLogProbs())
    names = ["snips", "rips", "snset_ips"]
    expected = ope.evaluate(near(2.0), log, names)
    found = ope.evaluate(near(2.0), unknown, names, logging=near(1.0))
    for name in names:
        assert found[name].value == expected[name].value
        assert found[name].verdict == expected[name].verdict


@pytest.mark.slow
def test_a_wrong_form_is_caught_by_the_mean_weight():
    unknown = log_of_clicks(sharpness=3.0)._replace(propensity=logs.SlateLogProbs())
    fitted = ope.fit_logging(unknown, lambda seen: tf.sin(50 * distance(seen)))
    reason = ope.evaluate(near(1.0), unknown, logging=fitted)["snips"].verdict.reason
    assert "the propensities are wrong" in reason
