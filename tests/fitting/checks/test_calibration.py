import numpy as np
import pytest

from recsim_tf.fitting.checks.choices import ChoicePredictions, calibrate
from tests.fitting.checks.hand import choice_predictions, click_predictions, log_of


def test_bins_and_errors_are_those_worked_out_by_hand():
    # Predictions 0.1 and 0.3 at the two positions of each of four sessions; clicks at 0, 1, 1 and
    # none.
    log = log_of([[0], [1], [1], [2]], [1, 1, 1, 1])
    found = calibrate(choice_predictions([0.1, 0.3, 0.6], log), log, num_bins=2)
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
    found = calibrate(click_predictions([0.2, 0.4], log), log, num_bins=10)
    np.testing.assert_allclose(found.predicted, [0.2, 0.4])
    np.testing.assert_array_equal(found.num_shown, [3, 1])
    np.testing.assert_allclose(found.observed, [1 / 3, 0])


def test_true_probabilities_are_calibrated_and_stretched_ones_are_not():
    generator = np.random.default_rng(0)
    probs = generator.uniform(0.1, 0.6, [400, 5, 3])
    log = log_of(generator.random(probs.shape) < probs, np.full(400, 5), slate_size=3)
    log_prob = np.zeros([400, 5])
    true = calibrate(ChoicePredictions(probs, log_prob, log.response), log)
    assert np.all(np.abs(true.observed - true.predicted) < 3.5 * true.standard_error)
    assert true.expected_error < 2 * true.noise
    stretched = calibrate(
        ChoicePredictions(0.35 + 1.4 * (probs - 0.35), log_prob, log.response), log
    )
    assert stretched.expected_error > 3 * stretched.noise


def test_a_number_of_bins_below_one_and_a_log_that_shows_nothing_are_refused():
    log = log_of([[0]], [1])
    with pytest.raises(ValueError, match="num_bins must be at least 1, got 0"):
        calibrate(choice_predictions([0.25, 0.25, 0.5], log), log, num_bins=0)
    empty = log_of([[2]], [1], shown=[[[False, False]]])
    with pytest.raises(ValueError, match="the log must show at least one document"):
        calibrate(choice_predictions([0.25, 0.25, 0.5], empty), empty)
