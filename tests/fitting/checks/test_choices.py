import numpy as np

from recsim_tf.fitting.checks.choices import mean_by_session, score_choices
from tests.fitting.checks.hand import choice_predictions, click_predictions, log_of


def test_choices_are_scored_beside_both_guesses_worked_out_by_hand():
    # Four steps count: outcomes 0, 2, 2 and 1; the last step of the second session does not.
    log = log_of([[0, 2, 2], [1, 1, 1]], [3, 1])
    scores = score_choices(choice_predictions([0.3, 0.2, 0.5], log), log)
    np.testing.assert_allclose(
        scores.model.value, (np.log(0.3) + 2 * np.log(0.5) + np.log(0.2)) / 4
    )
    np.testing.assert_allclose(scores.uniform, [-np.log(3), 0], atol=1e-15)
    np.testing.assert_allclose(scores.frequencies.value, (2 * np.log(0.25) + 2 * np.log(0.5)) / 4)
    np.testing.assert_allclose(scores.gain.value, scores.model.value - scores.frequencies.value)
    np.testing.assert_allclose(scores.hit_rate.value, 0.5)
    # Hits 2 of 3 and 0 of 1, so that residuals from 1/2 are 1/2 and -1/2.
    np.testing.assert_allclose(scores.hit_rate.standard_error, np.sqrt(2 * 0.5) / 4)
    assert (scores.num_sessions, scores.num_steps, scores.impossible) == (2, 4, 0)


def test_guesses_know_which_positions_are_empty():
    log = log_of(
        [[0, 2], [1, 2]],
        [2, 2],
        shown=[[[True, False], [True, True]], [[True, True], [False, False]]],
    )
    scores = score_choices(choice_predictions([0.3, 0.2, 0.5], log), log)
    # Frequencies 1/4, 1/4 and 1/2; the first step can only be 0 or 2, the last one is sure.
    logged = [np.log(0.25 / 0.75), np.log(0.5), np.log(0.25), 0]
    np.testing.assert_allclose(scores.frequencies.value, np.mean(logged))
    np.testing.assert_allclose(scores.uniform.value, -(np.log(2) + 2 * np.log(3)) / 4)


def test_independent_clicks_are_scored_by_position():
    log = log_of([[[1, 0], [1, 1]], [[0, 0], [0, 0]]], [2, 1])
    scores = score_choices(click_predictions([0.5, 0.25], log), log)
    np.testing.assert_allclose(
        scores.model.value, (3 * np.log(0.5) + 2 * np.log(0.75) + np.log(0.25)) / 3
    )
    np.testing.assert_allclose(scores.uniform.value, -2 * np.log(2))
    # Rates 2/3 and 1/3 over the three steps that count.
    np.testing.assert_allclose(
        scores.frequencies.value, 2 * (2 * np.log(2 / 3) + np.log(1 / 3)) / 3
    )
    assert scores.hit_rate is None


def test_a_response_that_the_model_takes_for_impossible_is_counted():
    log = log_of([[0, 2], [1, 1]], [2, 1])
    scores = score_choices(choice_predictions([0.5, 0.0, 0.5], log), log)
    assert scores.impossible == 1
    assert scores.model.value == scores.gain.value == -np.inf
    assert np.isnan(scores.model.standard_error)


def test_standard_errors_are_those_of_sessions():
    values = np.random.default_rng(0).standard_normal([50, 1])
    alone = mean_by_session(values, np.ones([50, 1], bool))
    np.testing.assert_allclose(alone, [values.mean(), values.std(ddof=1) / np.sqrt(50)])
    # Steps that repeat tell nothing new.
    np.testing.assert_allclose(
        mean_by_session(np.repeat(values, 4, axis=1), np.ones([50, 4], bool)), alone
    )
    assert np.isnan(mean_by_session(values[:1], np.ones([1, 1], bool)).standard_error)
