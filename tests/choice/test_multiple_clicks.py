# SPDX-License-Identifier: Apache-2.0
import itertools

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.choice import ClicksAndPurchases, MultipleClickCascade
from recsim_tf.core import random
from tests.alike import assert_shares

SLATE_SIZE = 3
SCORES = np.array([0.3, -0.8, 0.9])
PURCHASE_SCORES = np.array([-0.5, 0.4, -1.2])
CONTINUATION = {
    "continue_after_no_click": 0.8,
    "continue_after_click": 0.6,
    "continue_after_purchase": 0.25,
}
CASCADE = MultipleClickCascade(**CONTINUATION)
# What may happen at a position: nothing, a click, a click and a purchase.
OUTCOMES = np.array(list(itertools.product([(0, 0), (1, 0), (1, 1)], repeat=SLATE_SIZE)))
EVENTS = ClicksAndPurchases(*(OUTCOMES[..., i].astype(np.float64) for i in range(2)))
CLICKS = np.array(list(itertools.product([0.0, 1.0], repeat=SLATE_SIZE)))


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x)))


def by_hand(clicked, purchased, position=0, mask=(True,) * SLATE_SIZE, after=(0.8, 0.6, 0.25)):
    """The probability of what happens from an examined position on, by following the user."""
    if position == SLATE_SIZE:
        return 1.0
    if not mask[position]:
        rest = by_hand(clicked, purchased, position + 1, mask, after)
        return 0.0 if clicked[position] or purchased[position] else rest
    click, purchase = sigmoid(SCORES[position]), sigmoid(PURCHASE_SCORES[position])
    happened, go_on = {
        (0, 0): (1 - click, after[0]),
        (1, 0): (click * (1 - purchase), after[1]),
        (1, 1): (click * purchase, after[2]),
    }[int(clicked[position]), int(purchased[position])]
    nothing_below = not any(clicked[position + 1 :])
    stops = (1 - go_on) if nothing_below and position + 1 < SLATE_SIZE else 0.0
    if position + 1 == SLATE_SIZE:
        return happened
    return happened * (stops + go_on * by_hand(clicked, purchased, position + 1, mask, after))


def choose(cascade=CASCADE, mask=None, purchases=True, dtype=tf.float64):
    purchase_scores = tf.constant(PURCHASE_SCORES, dtype) if purchases else None
    return cascade(tf.constant(SCORES, dtype), mask, purchase_scores)


@pytest.mark.parametrize(
    "mask", [None, (True, False, True), (True, True, False), (False,) * 3], ids=str
)
def test_probabilities_of_all_outcomes_are_those_of_the_user_followed_by_hand(mask):
    probs = np.exp(choose(mask=mask).log_prob(EVENTS))
    expected = [
        by_hand(clicked, purchased, mask=mask or (True,) * 3)
        for clicked, purchased in zip(*EVENTS, strict=True)
    ]
    np.testing.assert_allclose(probs, expected, rtol=1e-12)
    np.testing.assert_allclose(probs.sum(), 1, rtol=1e-12)


def test_without_purchases_the_draw_is_the_clicks_alone():
    distribution = choose(purchases=False)
    assert (distribution.dtype, distribution.event_shape) == (tf.float64, [SLATE_SIZE])
    np.testing.assert_allclose(np.exp(distribution.log_prob(CLICKS)).sum(), 1, rtol=1e-12)
    # Purchases that change nothing.
    same = CASCADE.with_parameters({"continue_after_purchase": 0.6})
    np.testing.assert_allclose(
        choose(same).clicks.log_prob(CLICKS), distribution.log_prob(CLICKS), rtol=1e-12
    )


def test_purchases_can_be_summed_out():
    joint = np.exp(choose().log_prob(EVENTS))
    expected = [joint[(EVENTS.clicked == clicks).all(axis=1)].sum() for clicks in CLICKS]
    np.testing.assert_allclose(np.exp(choose().clicks.log_prob(CLICKS)), expected, rtol=1e-12)


@pytest.mark.parametrize("mask", [None, (True, False, True)], ids=str)
def test_draws_have_the_exact_frequencies_and_means(mask):
    num_draws = 40_000
    scores, purchase_scores = (
        tf.tile(tf.constant(values, tf.float32)[tf.newaxis], [num_draws, 1])
        for values in (SCORES, PURCHASE_SCORES)
    )
    distribution = CASCADE(scores, mask, purchase_scores)
    draws = random.sample(distribution, random.as_seed(3))
    one = choose(mask=mask)
    expected = np.exp(one.log_prob(EVENTS))
    for draw in (draws, one.sample(num_draws, seed=4)):
        frequencies = np.array(
            [
                np.mean(np.all((draw.clicked == clicked) & (draw.purchased == purchased), axis=1))
                for clicked, purchased in zip(*EVENTS, strict=True)
            ]
        )
        assert_shares(frequencies, expected, num_draws)
    for mean, outcomes in zip(one.mean(), EVENTS, strict=True):
        np.testing.assert_allclose(mean, expected @ outcomes, rtol=1e-12)


@pytest.mark.parametrize(
    ("clicked", "purchased"),
    [((1, 0, 0), (0, 1, 0)), ((0.5, 0, 0), (0, 0, 0)), ((2, 0, 0), (0, 0, 0))],
    ids=["a purchase without a click", "half a click", "two clicks"],
)
def test_what_cannot_happen_has_probability_zero_and_a_zero_gradient(clicked, purchased):
    scores = tf.constant(SCORES)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        log_prob = CASCADE(scores, None, PURCHASE_SCORES).log_prob(
            ClicksAndPurchases(np.float64(clicked), np.float64(purchased))
        )
    assert log_prob == -np.inf
    np.testing.assert_array_equal(tape.gradient(log_prob, scores), np.zeros(SLATE_SIZE))


def test_gradients_are_those_of_finite_differences():
    events = ClicksAndPurchases(*(leaf[[0, 4, 11, 17, 26]] for leaf in EVENTS))

    def log_prob(scores, purchase_scores, *continuation):
        cascade = CASCADE.with_parameters(dict(zip(CONTINUATION, continuation, strict=True)))
        return cascade(scores, None, purchase_scores).log_prob(events)

    arguments = [tf.constant(SCORES), tf.constant(PURCHASE_SCORES)]
    arguments += [tf.constant(value, tf.float64) for value in CONTINUATION.values()]
    for theory, numbers in zip(*tf.test.compute_gradient(log_prob, arguments), strict=True):
        np.testing.assert_allclose(theory, numbers, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", CONTINUATION)
@pytest.mark.parametrize("end", [0.0, 1.0])
def test_gradients_are_right_at_the_ends_of_the_range(name, end):
    values = tf.constant([end, abs(end - 1e-7)], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(values)
        at_end, beside = (
            choose(CASCADE.with_parameters({name: value})).log_prob(EVENTS)
            for value in tf.unstack(values)
        )
        possible = np.isfinite(at_end)
        total = tf.reduce_sum(tf.boolean_mask(at_end, possible))
    assert possible.sum() > len(OUTCOMES) / 2
    slope = np.sum((at_end - beside).numpy()[possible]) / (values[0] - values[1])
    np.testing.assert_allclose(tape.gradient(total, values)[0], slope, rtol=1e-5)


@pytest.mark.parametrize("padding", [np.nan, np.inf])
def test_gradients_are_finite_beside_padding(padding):
    values = {name: tf.constant(value) for name, value in CONTINUATION.items()}
    scores = tf.constant([[0.3, padding, 0.9], [padding] * 3])
    mask = tf.constant([[True, False, True], [False] * 3])
    with tf.GradientTape() as tape:
        tape.watch([scores, values])
        distribution = MultipleClickCascade(**values)(scores, mask, scores)
        zeros = tf.zeros([2, 3])
        total = tf.reduce_sum(distribution.log_prob(ClicksAndPurchases(zeros, zeros)))
        total += tf.reduce_sum(distribution.mean().purchased)
    assert np.isfinite(total)
    for gradient in tf.nest.flatten(tape.gradient(total, [scores, values])):
        assert np.isfinite(gradient).all()


def test_the_log_probability_of_what_is_very_unlikely_is_finite():
    scores = tf.fill([200], tf.constant(20.0))
    nothing = tf.zeros([200])
    np.testing.assert_allclose(MultipleClickCascade()(scores).log_prob(nothing), -4000, rtol=1e-6)
    # To leave at the first document is by far the likeliest way not to click on any.
    impatient = MultipleClickCascade(continue_after_no_click=0.9)
    np.testing.assert_allclose(impatient(scores).log_prob(nothing), -20 + np.log(0.1), rtol=1e-6)


def test_shapes_and_dtypes():
    scores = tf.zeros([2, 4, SLATE_SIZE])
    distribution = CASCADE(scores, None, scores)
    assert distribution.batch_shape == distribution.batch_shape_tensor().numpy().tolist() == [2, 4]
    assert distribution.event_shape == ClicksAndPurchases([SLATE_SIZE], [SLATE_SIZE])
    draws = distribution.sample([5, 2], seed=1)
    for leaf in draws:
        assert (leaf.shape, leaf.dtype) == ([5, 2, 2, 4, SLATE_SIZE], tf.float32)
    assert distribution.log_prob(draws).shape == [5, 2, 2, 4]
    assert random.sample(CASCADE(scores), random.as_seed(0)).shape == [2, 4, SLATE_SIZE]
