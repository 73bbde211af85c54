# SPDX-License-Identifier: Apache-2.0
"""What every click model promises, beside what `test_multiple_clicks` asks of the cascade."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf import choice
from recsim_tf.choice.browsing import BrowsingDistribution
from recsim_tf.core import random
from recsim_tf.core.runs.execution import compiled
from tests.alike import assert_shares

K = 5
generator = np.random.default_rng(0)
SCORES = generator.normal(0, 1.5, [2, K])
SATISFACTION = generator.normal(0, 1.5, [2, K])
BY_POSITION = generator.uniform(0.2, 0.9, K)
BY_LAST_CLICK = generator.uniform(0.2, 0.9, [K, K])
MASKS = {"full": np.ones([2, K], bool), "gaps": np.array([[1, 0, 1, 1, 0], [0, 1, 1, 0, 1]]) == 1}
CLICKS = np.array(list(itertools.product([0.0, 1.0], repeat=K)))[:, np.newaxis]
MODELS = {
    "independent": choice.IndependentClicks(),
    "position-based": choice.PositionBased(BY_POSITION),
    "user browsing": choice.UserBrowsing(BY_LAST_CLICK),
    "cascade": choice.MultipleClickCascade(1.0, 0.0),
    "several clicks": choice.MultipleClickCascade(0.8, 0.6),
    "dependent clicks": choice.DependentClicks(BY_POSITION),
    "click chain": choice.ClickChain((0.9, 0.3, 0.7)),
    "dynamic Bayesian": choice.DynamicBayesian(0.8),
    "simplified": choice.DynamicBayesian(),
}
EVERY = pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))


def clicks_of(model, scores=SCORES, mask=None, dtype=tf.float64) -> choice.ClickDistribution:
    satisfaction = tf.constant(SATISFACTION, dtype) if model.uses_satisfaction else None
    return model(tf.constant(scores, dtype), mask, satisfaction)


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x)))


def followed(name: str, clicked: np.ndarray, row: int, mask: np.ndarray) -> np.ndarray:
    """[K]: P(what happened at a position given the clicks above it), by the recursion of f =
    P(clicks above, examined) and g = P(clicks above, not examined).
    """
    attraction, last, probs = sigmoid(SCORES[row]), 0, np.ones(K)
    satisfied = sigmoid(SATISFACTION[row])
    examined, left = 1.0, 0.0
    for k in range(K):
        if not mask[k]:
            continue
        a = attraction[k]
        if name in ("independent", "position-based", "user browsing"):
            theta = {"independent": 1.0, "position-based": BY_POSITION[k]}.get(
                name, BY_LAST_CLICK[k, last]
            )
            click = theta * a
        else:
            no_click, after = {
                "cascade": (1.0, 0.0),
                "several clicks": (0.8, 0.6),
                "dependent clicks": (1.0, BY_POSITION[k]),
                "click chain": (0.9, (1 - a) * 0.3 + a * 0.7),
                "dynamic Bayesian": (0.8, 0.8 * (1 - satisfied[k])),
                "simplified": (1.0, 1 - satisfied[k]),
            }[name]
            click = examined * a
            if clicked[k]:
                examined, left = after, 1 - after
            else:
                examined, left = (
                    examined * (1 - a) * no_click,
                    left + examined * (1 - a) * (1 - no_click),
                )
                examined, left = np.array([examined, left]) / (examined + left)
        probs[k] = click if clicked[k] else 1 - click
        last = k + 1 if clicked[k] else last
    return probs


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("mask", MASKS.values(), ids=list(MASKS))
def test_probabilities_of_all_clicks_are_those_of_the_user_followed_by_hand(name, mask):
    distribution = clicks_of(MODELS[name], mask=mask)
    probs = np.exp(distribution.log_prob(CLICKS))
    for row in range(2):
        possible = (CLICKS[:, 0] <= mask[row]).all(axis=1)
        expected = [followed(name, clicks, row, mask[row]) for clicks in CLICKS[possible, 0]]
        np.testing.assert_allclose(
            probs[possible, row], np.prod(expected, axis=1), rtol=1e-9, atol=1e-15
        )
        np.testing.assert_array_equal(probs[~possible, row], 0)
        happens = np.prod(expected, axis=1) > 0
        found = distribution.conditional(CLICKS).numpy()[possible, row]
        np.testing.assert_allclose(np.exp(found)[happens], np.array(expected)[happens], rtol=1e-9)
    np.testing.assert_allclose(probs.sum(axis=0), 1, rtol=1e-9)


@EVERY
@pytest.mark.parametrize("mask", MASKS.values(), ids=list(MASKS))
def test_in_float32_the_probabilities_sum_to_one_and_conditionals_to_the_log_probability(
    model, mask
):
    distribution = clicks_of(model, mask=mask, dtype=tf.float32)
    clicks = CLICKS.astype(np.float32)
    log_prob = distribution.log_prob(clicks).numpy()
    np.testing.assert_allclose(np.exp(log_prob).sum(axis=0), 1, atol=1e-6)
    np.testing.assert_allclose(
        tf.reduce_sum(distribution.conditional(clicks), axis=-1), log_prob, rtol=1e-4, atol=1e-5
    )


@EVERY
def test_click_rates_are_those_of_all_clicks_and_of_draws(model):
    num_draws = 40_000
    distribution = clicks_of(model, mask=MASKS["gaps"])
    expected = np.einsum("sb,sbk->bk", np.exp(distribution.log_prob(CLICKS)), CLICKS + 0 * SCORES)
    np.testing.assert_allclose(distribution.mean(), expected, rtol=1e-9)
    draws = distribution.sample(num_draws, seed=1).numpy()
    assert set(np.unique(draws)) == {0, 1}
    assert_shares(draws.mean(axis=0), expected, num_draws)
    # Not the rates alone: pairs of clicks too.
    pairs = np.einsum(
        "sb,sbk,sbl->bkl", np.exp(distribution.log_prob(CLICKS)), *[CLICKS + 0 * SCORES] * 2
    )
    found = np.einsum("sbk,sbl->bkl", draws, draws) / num_draws
    assert_shares(found, pairs, num_draws, num_standard_errors=5)


@pytest.mark.slow
@EVERY
def test_gradients_are_those_of_finite_differences(model):
    inside = {
        name: tf.constant(value, tf.float64)
        for name, value in model.parameters().items()
        if np.all(np.multiply(value, np.subtract(1, value)) > 0)
    }
    possible = np.isfinite(clicks_of(model).log_prob(CLICKS)).all(axis=1)

    def log_prob(scores, satisfaction, *values):
        changed = model.with_parameters(dict(zip(inside, values, strict=True)))
        used = satisfaction if model.uses_satisfaction else None
        return tf.reduce_sum(changed(scores, None, used).log_prob(CLICKS[possible]), axis=1)

    arguments = [tf.constant(SCORES), tf.constant(SATISFACTION), *inside.values()]
    for theory, numbers in zip(*tf.test.compute_gradient(log_prob, arguments), strict=True):
        np.testing.assert_allclose(theory, numbers, rtol=1e-4, atol=1e-5)


@EVERY
@pytest.mark.parametrize("end", [0.0, 1.0])
@pytest.mark.parametrize("score", [0.0, 40.0, -40.0, 100.0])
def test_gradients_are_finite_at_certain_clicks_and_at_the_ends_of_probabilities(model, end, score):
    values = {
        name: tf.fill(np.shape(value), tf.constant(end))
        for name, value in model.parameters().items()
    }
    scores = tf.fill([2, K], tf.constant(score))
    with tf.GradientTape() as tape:
        tape.watch([scores, values])
        satisfaction = scores if model.uses_satisfaction else None
        distribution = model.with_parameters(values)(scores, None, satisfaction)
        log_prob = distribution.log_prob(CLICKS.astype(np.float32))
        total = tf.reduce_sum(tf.where(tf.math.is_finite(log_prob), log_prob, 0))
        total += tf.reduce_sum(distribution.mean())
    assert not np.isnan(log_prob).any()
    assert np.isfinite(total)
    for gradient in tf.nest.flatten(tape.gradient(total, [scores, values])):
        assert gradient is None or np.isfinite(gradient).all()


@pytest.mark.parametrize("examination", [0.0, 1.0])
def test_the_slope_in_an_examination_is_right_at_the_ends_of_its_range(examination):
    def log_prob(theta):
        examined = tf.fill([1, 1], theta)
        return BrowsingDistribution(tf.constant([1.5], tf.float64), examined).log_prob([0.0])

    theta = tf.constant(examination, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(theta)
        value = log_prob(theta)
    a = sigmoid(1.5)
    np.testing.assert_allclose(tape.gradient(value, theta), -a / (1 - examination * a), rtol=1e-9)


def test_a_certain_click_that_does_not_come_is_as_unlikely_as_its_logit():
    scores = tf.fill([K], tf.constant(40.0))
    for model in ("independent", "simplified"):
        satisfaction = tf.zeros([K]) if model == "simplified" else None
        distribution = MODELS[model](scores, None, satisfaction)
        np.testing.assert_allclose(distribution.log_prob(np.zeros(K, np.float32)), -40 * K)
        np.testing.assert_allclose(
            distribution.conditional(np.zeros(K, np.float32)), [-40.0] * K, rtol=1e-6
        )


@pytest.mark.parametrize(
    ("general", "special"),
    [
        (choice.UserBrowsing(np.tile(BY_POSITION[:, np.newaxis], K)), MODELS["position-based"]),
        (choice.PositionBased(), MODELS["independent"]),
        (choice.MultipleClickCascade(), MODELS["independent"]),
        (choice.UserBrowsing(), MODELS["independent"]),
        (choice.DependentClicks(0.6), choice.MultipleClickCascade(1.0, 0.6)),
        (choice.ClickChain((0.8, 0.6, 0.6)), MODELS["several clicks"]),
        (choice.DynamicBayesian(1.0), MODELS["simplified"]),
    ],
)
def test_a_model_contains_those_that_are_simpler(general, special):
    np.testing.assert_allclose(
        clicks_of(general).log_prob(CLICKS), clicks_of(special).log_prob(CLICKS), rtol=1e-9
    )


def test_satisfaction_is_a_purchase_that_nobody_sees():
    purchases = choice.MultipleClickCascade(0.8, 0.8, 0.0)(SCORES, None, SATISFACTION)
    np.testing.assert_allclose(
        purchases.clicks.log_prob(CLICKS),
        clicks_of(MODELS["dynamic Bayesian"]).log_prob(CLICKS),
        rtol=1e-9,
    )


@pytest.mark.parametrize(
    ("kind", "name", "values"),
    [
        (choice.PositionBased, "examination", generator.uniform(size=[2, K])),
        (choice.UserBrowsing, "examination", generator.uniform(size=[2, K, K])),
        (choice.DependentClicks, "continue_after_click", generator.uniform(size=[2, K])),
        (choice.ClickChain, "tau", generator.uniform(size=[2, 3])),
        (choice.DynamicBayesian, "gamma", generator.uniform(size=2)),
        (choice.MultipleClickCascade, "continue_after_click", generator.uniform(size=2)),
    ],
)
def test_a_parameter_for_each_user_gives_the_rows_of_numbers(kind, name, values):
    found = clicks_of(kind(**{name: tf.constant(values)})).log_prob(CLICKS)
    for row, value in enumerate(values):
        np.testing.assert_allclose(
            found[:, row], clicks_of(kind(**{name: value})).log_prob(CLICKS)[:, row], rtol=1e-9
        )


@EVERY
def test_whatever_stands_at_an_empty_position_does_not_count(model):
    mask = MASKS["gaps"]
    padded = np.where(mask, SCORES, np.nan)
    satisfaction = np.where(mask, SATISFACTION, np.inf) if model.uses_satisfaction else None
    checked = model.replaced(validate=True)
    np.testing.assert_array_equal(
        checked(padded, mask, satisfaction).log_prob(CLICKS),
        clicks_of(model, mask=mask).log_prob(CLICKS),
    )


@pytest.mark.slow
@EVERY
def test_graph_and_xla_agree(model):
    clicks = np.tile(CLICKS, [1, 2, 1]).astype(np.float32)

    def everything():
        distribution = clicks_of(model, dtype=tf.float32)
        return (
            distribution.log_prob(clicks),
            distribution.mean(),
            random.sample(distribution, random.as_seed(5)),
        )

    graph, xla = (compiled(everything, jit_compile=jit_compile)() for jit_compile in (False, True))
    for graph_leaf, xla_leaf in zip(graph[:2], xla[:2], strict=True):
        np.testing.assert_allclose(graph_leaf, xla_leaf, rtol=1e-4)
    assert xla[2].shape == [2, K]
    assert set(np.unique(xla[2])) <= {0, 1}
