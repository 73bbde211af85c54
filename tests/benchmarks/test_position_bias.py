import numpy as np
import pytest
import slateq_tables
import tensorflow as tf
import training_runs
from position_bias import PositionBiasedProportional

from recsim_tf.choice import MultinomialProportional

# Weights 2, 1, 1 of the documents and 1 of no click; attention 1, 1/2, 1/4.
SCORES = tf.constant([[2.0, 1.0, 1.0]], tf.float64)
PROBS = {
    "kept": [4 / 5 * 8 / 11, 4 / 5 * 2 / 11, 4 / 5 * 1 / 11, 1 / 5],
    "unscaled": [8 / 15, 2 / 15, 1 / 15, 4 / 15],
    "rest": [8 / 20, 2 / 20, 1 / 20, 9 / 20],
    "scan": [2 / 3, 1 / 3 * 1 / 4, 1 / 3 * 3 / 4 * 1 / 8, 1 / 3 * 3 / 4 * 7 / 8],
}


def choice_of(no_click, attention_decay=0.5, scores=SCORES, mask=None, **arguments):
    model = PositionBiasedProportional(0.0, 1.0, attention_decay, no_click, **arguments)
    return model(scores, mask)


@pytest.mark.parametrize("no_click", PROBS)
def test_each_reading_gives_the_probabilities_of_its_formula(no_click):
    np.testing.assert_allclose(choice_of(no_click).probs[0], PROBS[no_click], rtol=1e-12)


def test_a_bias_that_is_added_to_logits_is_an_attention_of_its_exponential():
    logits, bias, no_click = np.array([1.0, 0.0, -1.0]), -0.7, 0.5
    model = PositionBiasedProportional(0.0, np.exp(no_click), np.exp(bias), "unscaled")
    weights = np.exp([*(logits + bias * np.arange(3)), no_click])
    found = model(tf.constant([np.exp(logits)])).probs[0]
    np.testing.assert_allclose(found, weights / weights.sum(), rtol=1e-12)


@pytest.mark.parametrize("no_click", ["kept", "unscaled", "rest"])
def test_without_decay_the_choice_is_multinomial(no_click):
    np.testing.assert_allclose(
        choice_of(no_click, 1.0).probs, MultinomialProportional(0.0, 1.0)(SCORES).probs, rtol=1e-12
    )


@pytest.mark.parametrize("no_click", PROBS)
def test_an_empty_slate_is_never_clicked(no_click):
    probs = choice_of(no_click, mask=tf.zeros([1, 3], tf.bool)).probs
    np.testing.assert_array_equal(probs[0], [0, 0, 0, 1])


@pytest.mark.parametrize("no_click", PROBS)
def test_a_decay_of_each_user_is_that_of_the_row(no_click):
    both = choice_of(no_click, tf.constant([0.5, 1.0], tf.float64), tf.tile(SCORES, [2, 1]))
    np.testing.assert_allclose(
        both.probs, [choice_of(no_click, decay).probs[0] for decay in (0.5, 1.0)], rtol=1e-12
    )


def test_a_run_can_be_configured_with_a_reading(tmp_path):
    bindings = (*slateq_tables._cascade("rest"), "interest_evolution.slate_size = 3")
    row = training_runs.Row("interest_evolution/random.gin", bindings)
    assert training_runs.run(tmp_path / "run", row, 0, quick=True)["mean_return"]
