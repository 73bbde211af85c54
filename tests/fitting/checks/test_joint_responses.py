"""Checks of responses that are a choice and more."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core.parameters import parameter
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.drifting_taste import Catalogue, DriftingTasteUsers
from recsim_tf.fitting import Parameter, fit, simulated_log
from recsim_tf.fitting.checks.choices import predict_choices
from recsim_tf.fitting.report import write_report

NOISE = 0.5


class Draw(NamedTuple):
    """What users draw at a slate."""

    choice: tf.Tensor  # int32 [B]
    rating: tf.Tensor  # [B], of the item chosen


class Response(NamedTuple):
    """Response to a slate, per position."""

    clicked: tf.Tensor  # [B, K]
    rating: tf.Tensor  # [B, K], at the chosen position


class Raters(DriftingTasteUsers):
    """Users who choose an item or none, and rate what they chose above the level by its bias."""

    level: Any = parameter(3.0)
    dtype: tf.DType = dataclasses.field(default=tf.float64, kw_only=True)

    def response(self, state, slate):
        def rating(choice):
            chosen = tf.one_hot(choice, slate.mask.shape[1], dtype=self.dtype)
            liked = tf.reduce_sum(chosen * slate.documents.bias, axis=1)
            return tfd.Normal(self.per_user("level") + liked, tf.cast(NOISE, self.dtype))

        return tfd.JointDistributionNamed(
            Draw(choice=super().response(state, slate), rating=rating)
        )

    def outcome(self, state, slate, draw):
        clicked = tf.one_hot(draw.choice, slate.mask.shape[1], dtype=self.dtype)
        return Response(clicked, clicked * draw.rating[:, tf.newaxis])


def raters(level=3.0, bias_scale=1.0) -> Simulator:
    factors = np.random.default_rng(0).standard_normal([8, 2])
    users = Raters(2, gain=0.0, decay=1.0, level=level)
    bias = bias_scale * np.linspace(-1, 1, 8)
    documents = Catalogue(8, 2, bias=bias, factors=factors, dtype=tf.float64)
    return Simulator(users, documents, slate_size=3, num_candidates=5)


@pytest.fixture(scope="module")
def log():
    return simulated_log(raters(), 200, 8)


def test_the_choice_beside_a_rating_is_predicted(log):
    predictions = predict_choices(raters(), log)
    assert predictions.probs.shape == (200, 8, 4)
    np.testing.assert_array_equal(predictions.logged, log.response.choice)
    chosen = np.take_along_axis(predictions.probs, log.response.choice[..., np.newaxis], axis=-1)
    np.testing.assert_allclose(predictions.log_prob, np.log(chosen[..., 0]), rtol=1e-9)


def test_the_report_of_a_choice_and_a_rating_has_the_calibration_of_the_choice(log, tmp_path):
    result = fit(raters(level=2.0), {"users.level": Parameter()}, log)
    estimate = result.estimates["users.level"]
    assert abs(estimate.value - 3.0) < 3 * estimate.standard_error
    assert estimate.standard_error == pytest.approx(NOISE / np.sqrt(log.num_steps), rel=0.15)
    figures = write_report(tmp_path / "fit.html", result, log)
    found, gain = (
        figures["calibrations"]["click probability"],
        figures["predictions"]["frequency"]["gain"],
    )
    assert found["expected_error"] < 2.5 * found["noise"]
    assert gain["value"] > 5 * gain["standard_error"]
