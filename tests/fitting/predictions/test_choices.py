# SPDX-License-Identifier: Apache-2.0
"""Predicted choices, calibrated, in cases small enough to be worked out by hand."""

import numpy as np
import pytest

from recsim_tf.fitting.predictions.choices import (
    Calibration,
    ChoicePredictions,
    calibrate,
    logged_clicks,
    mean_by_session,
)
from recsim_tf.fitting.predictions.responses import Expected, ResponsePredictions
from recsim_tf.logs import Log


def log_of(response, length, shown=None, slate_size=2) -> Log:
    """A log of responses [S, T] or [S, T, K] alone."""
    response, length = np.asarray(response), np.asarray(length, np.int32)
    if shown is None:
        shown = np.ones([*response.shape[:2], slate_size], bool)
    return Log(length, np.ones(len(length), bool), (), (), np.asarray(shown), (), response, ())


def choice_predictions(probs, log: Log) -> ChoicePredictions:
    """Of one of K + 1 outcomes, the same at every step for probs [K + 1]."""
    probs = np.broadcast_to(
        np.asarray(probs, np.float64), [*log.response.shape, log.slate_size + 1]
    )
    with np.errstate(divide="ignore"):
        return ChoicePredictions(
            probs,
            np.log(np.take_along_axis(probs, log.response[..., np.newaxis], axis=-1)[..., 0]),
            log.response,
        )


def click_predictions(probs, log: Log) -> ChoicePredictions:
    """Of independent clicks, the same at every step for probs [K]."""
    probs = np.broadcast_to(np.asarray(probs, np.float64), log.shown.shape)
    logged = np.where(log.shown, np.where(log.response, probs, 1 - probs), 1)
    return ChoicePredictions(probs, np.log(logged).sum(axis=-1), log.response)


def calibration(predictions: ChoicePredictions, log: Log, num_bins=10) -> Calibration:
    probs = predictions.probs[..., : log.slate_size]
    expected = Expected(probs, logged_clicks(predictions, log), log.shown)
    return calibrate(ResponsePredictions({"clicked": expected}, {}, {}), log, num_bins)["clicked"]


def test_standard_errors_are_those_of_sessions():
    values = np.random.default_rng(0).standard_normal([50, 1])
    alone = mean_by_session(values, np.ones([50, 1], bool))
    np.testing.assert_allclose(alone[:2], [values.mean(), values.std(ddof=1) / np.sqrt(50)])
    # Steps that repeat tell nothing new.
    np.testing.assert_allclose(
        mean_by_session(np.repeat(values, 4, axis=1), np.ones([50, 4], bool)), alone
    )
    assert np.isnan(mean_by_session(values[:1], np.ones([1, 1], bool)).standard_error)


def test_bins_and_errors_are_those_worked_out_by_hand():
    # Predictions 0.1 and 0.3 at the two positions of each of four sessions; clicks at 0, 1, 1 and
    # none.
    log = log_of([[0], [1], [1], [2]], [1, 1, 1, 1])
    found = calibration(choice_predictions([0.1, 0.3, 0.6], log), log, num_bins=2)
    np.testing.assert_allclose(found.predicted, [0.1, 0.3])
    np.testing.assert_allclose(found.observed, [0.25, 0.5])
    np.testing.assert_array_equal(found.num_shown, [4, 4])
    np.testing.assert_allclose(found.expected_error, (0.15 + 0.2) / 2)
    # Residuals around the gap: 0.75 and three of -0.25; four of ±0.5.
    np.testing.assert_allclose(
        found.standard_error, [np.std([1, 0, 0, 0], ddof=1) / 2, np.std([1, 1, 0, 0], ddof=1) / 2]
    )
    np.testing.assert_allclose(found.noise, np.mean(found.standard_error) * np.sqrt(2 / np.pi))


def test_empty_positions_and_steps_after_the_end_do_not_count():
    log = log_of(
        [[[1, 0], [1, 1]], [[0, 0], [0, 0]]],
        [1, 2],
        shown=[[[True, False], [True, True]], [[True, True], [True, False]]],
    )
    found = calibration(click_predictions([0.2, 0.4], log), log, num_bins=10)
    np.testing.assert_allclose(found.predicted, [0.2, 0.4])
    np.testing.assert_array_equal(found.num_shown, [3, 1])
    np.testing.assert_allclose(found.observed, [1 / 3, 0])


def test_a_number_of_bins_below_one_is_refused_and_what_was_never_drawn_is_left_out():
    log = log_of([[0]], [1])
    with pytest.raises(ValueError, match="num_bins must be an integer of at least 1, got 0"):
        calibration(choice_predictions([0.25, 0.25, 0.5], log), log, num_bins=0)
    ones = np.ones([1, 1, 2])
    for mean, counted in ((ones, ones == 0), (np.inf * ones, ones == 1)):
        fields = {"dwell": Expected(mean, ones, counted)}
        assert not calibrate(ResponsePredictions(fields, {}, {}), log)
