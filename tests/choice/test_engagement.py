# SPDX-License-Identifier: Apache-2.0
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.choice import (
    ChoiceAndEngagement,
    ClicksAndPurchases,
    MultinomialLogit,
    MultipleClickCascade,
    with_engagement,
)
from recsim_tf.core import random

SCORES = np.array([[0.3, -0.8, 0.9], [-0.2, 0.5, 0.1]])
INTEREST = tf.constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], tf.float64)


def choose(scores=SCORES, interest=INTEREST, spread=0.5):
    return with_engagement(
        MultinomialLogit(no_click_mass=0.4)(tf.convert_to_tensor(scores)),
        lambda clicked: tfd.LogNormal(tf.reduce_sum(clicked * interest, axis=1), spread),
    )


def test_the_engagement_with_what_is_chosen_is_scored_and_that_with_nothing_is_not():
    choices = MultinomialLogit(no_click_mass=0.4)(tf.constant(SCORES))
    choice, minutes = tf.constant([1, 3]), tf.constant([2.5, 1.0], tf.float64)
    log_prob = choose().log_prob(ChoiceAndEngagement(choice, minutes))
    engaged = tfd.LogNormal(INTEREST[0, 1], tf.constant(0.5, tf.float64)).log_prob(minutes[0])
    expected = choices.log_prob(choice) + tf.stack([engaged, 0.0])
    np.testing.assert_allclose(log_prob, expected, rtol=1e-12)


def test_draws_have_the_distribution_of_the_document_chosen():
    num_draws = 4000
    scores, interest = (
        tf.tile(tf.convert_to_tensor(table)[:1], [num_draws, 1]) for table in (SCORES, INTEREST)
    )
    draw = random.sample(choose(scores, interest), random.as_seed(1))
    logs = np.log(draw.engagement)
    assert np.isfinite(logs).all()
    for position in range(3):
        chosen = logs[draw.choice == position]
        assert len(chosen) > 100
        assert abs(chosen.mean() - INTEREST[0, position]) < 4 * 0.5 / np.sqrt(len(chosen))


def test_gradients_are_finite_beside_no_click_whatever_is_logged_there():
    spread = tf.constant(0.5, tf.float64)
    draw = ChoiceAndEngagement(tf.constant([1, 3]), tf.constant([2.5, 0.0], tf.float64))
    with tf.GradientTape() as tape:
        tape.watch(spread)
        total = tf.reduce_sum(choose(spread=spread).log_prob(draw))
    assert np.isfinite(total)
    assert np.isfinite(tape.gradient(total, spread))


def test_the_engagement_with_each_document_that_is_clicked_is_scored():
    scores = tf.constant(SCORES)
    clicked = tf.constant([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]], tf.float64)
    minutes = tf.constant([[2.5, 7.0, 4.0], [1.0, 1.0, 1.0]], tf.float64)
    times = tfd.LogNormal(INTEREST, tf.constant(0.5, tf.float64))
    engaged = tf.reduce_sum(clicked * times.log_prob(minutes), axis=1)
    cascade = MultipleClickCascade(0.9, 0.6)
    for clicks, draw in (
        (cascade(scores), clicked),
        (tfd.Independent(tfd.Bernoulli(logits=scores), 1), tf.cast(clicked, tf.int32)),
        (cascade(scores, None, scores), ClicksAndPurchases(clicked, clicked * [1.0, 0.0, 0.0])),
    ):
        seen = []
        joint = with_engagement(clicks, lambda weights, seen=seen: seen.append(weights) or times)
        log_prob = joint.log_prob(ChoiceAndEngagement(draw, minutes))
        np.testing.assert_allclose(log_prob, clicks.log_prob(draw) + engaged, rtol=1e-12)
        np.testing.assert_array_equal(seen[-1], clicked)
    sample = random.sample(joint, random.as_seed(0))
    assert sample.engagement.shape == sample.choice.purchased.shape == (2, 3)


def test_what_a_log_does_not_know_is_not_scored_and_has_no_gradient():
    choices = MultinomialLogit(no_click_mass=0.4)(tf.constant(SCORES))
    choice = tf.constant([1, 2])
    minutes = tf.constant([np.nan, 2.5], tf.float64)
    spread = tf.constant([0.5, 0.5], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(spread)
        log_prob = choose(spread=spread).log_prob(ChoiceAndEngagement(choice, minutes))
    of_second = tfd.LogNormal(INTEREST[1, 2], spread[1]).log_prob(minutes[1])
    expected = choices.log_prob(choice) + tf.stack([tf.zeros_like(of_second), of_second])
    np.testing.assert_allclose(log_prob, expected, rtol=1e-12)
    gradient = tape.gradient(log_prob, spread)
    assert gradient[0] == 0
    assert np.isfinite(gradient[1])
    assert gradient[1] != 0


def test_unknown_counts_and_ratings_of_several_documents_are_not_scored():
    scores = tf.constant(SCORES[:1])
    clicks, clicked = tfd.Independent(tfd.Bernoulli(logits=scores), 1), tf.constant([[1, 1, 0]])
    rates, logits = tf.constant([[1.0, 2.0, 3.0]], tf.float64), tf.zeros([1, 3, 5], tf.float64)
    for distribution, parameter, drawn in (
        (tfd.Poisson, rates, tf.constant([[np.nan, 4.0, np.nan]], tf.float64)),
        (lambda each: tfd.Categorical(logits=each), logits, tf.constant([[-1, 4, -1]])),
    ):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(parameter)
            amounts = distribution(parameter)
            joint = with_engagement(clicks, lambda weights, amounts=amounts: amounts)
            log_prob = joint.log_prob(ChoiceAndEngagement(clicked, drawn))
            of_second = amounts.log_prob(tf.fill([1, 3], tf.cast(4, drawn.dtype)))[:, 1]
        np.testing.assert_allclose(log_prob, clicks.log_prob(clicked) + of_second, rtol=1e-12)
        gradient = tape.gradient(log_prob, parameter)
        np.testing.assert_allclose(gradient, tape.gradient(of_second, parameter), rtol=1e-12)
        assert np.any(gradient)


def test_a_model_reads_another_value_in_the_place_of_what_is_unknown():
    floats = ChoiceAndEngagement(None, tf.constant([np.nan, 2.5, 0.0]))
    np.testing.assert_array_equal(floats.engagement_or(7.0), [7, 2.5, 0])
    integers = ChoiceAndEngagement(None, tf.constant([-1, 2, 0]))
    np.testing.assert_array_equal(integers.engagement_or(7.0), [7, 2, 0])
    assert integers.engagement_or(7.0).dtype == tf.int32
