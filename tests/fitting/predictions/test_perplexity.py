# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from recsim_tf import choice
from recsim_tf.fitting.predictions.choices import (
    ChoicePredictions,
    click_perplexity,
    predict_choices,
)
from recsim_tf.logs import Log
from tests.environments.page_clicks.worlds import pages, simulated_pages


def log_of(clicked, shown) -> Log:
    clicked = np.asarray(clicked)[:, np.newaxis]
    length = np.ones(len(clicked), np.int32)
    shown = np.asarray(shown, bool)[:, np.newaxis]
    return Log(length, length == 1, (), (), shown, (), clicked, ())


def test_both_perplexities_are_those_worked_out_by_hand():
    log = log_of([[1, 0], [0, 0]], [[1, 1], [1, 0]])
    probs = np.broadcast_to([0.2, 0.5], log.shown.shape)
    conditional = np.log([[[0.2, 0.25]], [[0.8, 1.0]]])
    predictions = ChoicePredictions(probs, np.zeros([2, 1]), log.response, conditional)
    found = click_perplexity(predictions, log)
    first = (0.2 * 0.8) ** -0.5
    np.testing.assert_allclose(found.by_position, [first, 2])
    np.testing.assert_allclose(found.mean, (first + 2) / 2)
    np.testing.assert_allclose(found.pooled, (0.2 * 0.8 * 0.5) ** (-1 / 3))
    found = click_perplexity(predictions, log, conditional=True)
    np.testing.assert_allclose(found.by_position, [first, 4])


def test_what_was_predicted_to_be_impossible_has_an_infinite_perplexity():
    log = log_of([[1, 0]], [[1, 1]])
    predictions = ChoicePredictions(np.array([[[0.0, 0.5]]]), np.zeros([1, 1]), log.response)
    found = click_perplexity(predictions, log)
    np.testing.assert_array_equal(found.by_position, [np.inf, 2])
    assert found.pooled == found.mean == np.inf


def test_predictions_of_one_choice_have_no_perplexity_of_clicks():
    log = log_of([[1, 0]], [[1, 1]])
    with pytest.raises(ValueError, match="predictions must be those of a click model"):
        click_perplexity(ChoicePredictions(np.ones([1, 1, 3]) / 3, np.zeros([1, 1]), ()), log)


@pytest.mark.slow
def test_conditional_log_probabilities_sum_to_that_of_the_page_and_predict_better():
    simulator = pages(choice.UserBrowsing(np.linspace(0.9, 0.1, 16).reshape(4, 4)))
    log = simulated_pages(simulator, 2000)
    predictions = predict_choices(simulator, log)
    assert predictions.conditional.shape == log.shown.shape
    np.testing.assert_allclose(
        predictions.conditional.sum(axis=2), predictions.log_prob, rtol=1e-4, atol=1e-5
    )
    assert (
        click_perplexity(predictions, log, conditional=True).pooled
        < click_perplexity(predictions, log).pooled
    )
