# SPDX-License-Identifier: Apache-2.0
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import choice
from recsim_tf.core import random
from recsim_tf.core.distributions import (
    IndependentParts,
    UniformCategories,
    clipped_zipf,
    log_prob,
    log_prob_parts,
    num_outcomes,
)
from tests.alike import assert_shares
from tests.refusals import assert_refused


@pytest.mark.parametrize("num_categories", [1, 7, 8192, 8193, 1_000_000])
def test_categories_are_uniform_and_reach_both_ends_of_the_range(num_categories):
    draws = random.sample(UniformCategories(num_categories, [20_000]), random.as_seed(1)).numpy()
    assert draws.dtype == np.int32
    assert draws.shape == (20_000,)
    assert draws.min() >= 0
    assert draws.max() < num_categories
    # A tenth of the range holds a tenth of the draws, within 4 standard errors.
    tenths = np.histogram(draws, bins=np.linspace(0, num_categories, 11))[0] / len(draws)
    expected = np.diff(np.ceil(np.linspace(0, num_categories, 11))) / num_categories
    assert_shares(tenths, expected, len(draws))


@pytest.mark.parametrize("num_categories", [4, 10_000])
def test_log_prob_is_that_of_equal_probabilities_and_minus_infinity_outside(num_categories):
    distribution = UniformCategories(num_categories, [2], tf.float64)
    log_prob = distribution.log_prob([[0, num_categories - 1], [-1, num_categories]])
    assert log_prob.dtype == tf.float64
    np.testing.assert_allclose(log_prob[0], [-np.log(num_categories)] * 2, rtol=1e-12)
    np.testing.assert_array_equal(log_prob[1], [-np.inf] * 2)


def test_there_must_be_a_category():
    assert_refused(lambda: UniformCategories(0), "num_categories must be at least 1, got 0")


def test_more_categories_than_a_float_can_tell_apart_are_all_reached():
    draws = random.sample(UniformCategories(2**26, [20_000]), random.as_seed(1)).numpy()
    assert np.abs(np.bincount(draws % 8, minlength=8) / len(draws) - 1 / 8).max() <= 4 * np.sqrt(
        1 / 8 * 7 / 8 / len(draws)
    )


def test_the_families_with_finitely_many_outcomes_are_known():
    coin = tfd.Bernoulli(probs=[0.2, 0.3])
    assert num_outcomes(coin) == num_outcomes(tfd.Masked(coin, [True, False])) == 2
    assert num_outcomes(tfd.Categorical(logits=tf.zeros([2, 5]))) == 5
    assert num_outcomes(choice.MultinomialLogit()(tf.zeros([2, 3]))) == 4
    assert num_outcomes(tfd.Normal([0.0, 0.0], 1.0)) is None


@pytest.mark.parametrize("power", [1.05, 1.35, 3.0])
@pytest.mark.parametrize("largest", [1, 2, 50])
def test_what_is_above_the_largest_number_counts_as_the_largest(power, largest):
    numbers = np.arange(1, largest + 1, dtype=np.int32)
    log_probs = clipped_zipf(tf.constant(power, tf.float64), largest).log_prob(numbers)
    exact = np.exp(tfd.Zipf(tf.constant(power, tf.float64), dtype=tf.int32).log_prob(numbers))
    exact[-1] = 1 - exact[:-1].sum()
    np.testing.assert_allclose(np.exp(log_probs), exact, atol=1e-8)


def test_draws_follow_the_law_and_the_power_is_found_by_gradient():
    distribution = clipped_zipf(tf.fill([20_000], 1.35), 50)
    draws = random.sample(distribution, random.as_seed(0))
    assert draws.numpy().min() == 1
    assert draws.numpy().max() == 50
    observed = np.bincount(draws, minlength=51)[1:] / 20_000
    probs = np.exp(clipped_zipf(1.35, 50).log_prob(np.arange(1, 51, dtype=np.int32)))
    assert (np.abs(observed - probs) < 4 * np.sqrt(probs / 20_000)).all()
    power = tf.Variable(1.35)
    with tf.GradientTape() as tape:
        mean = tf.reduce_mean(clipped_zipf(power, 50).log_prob(draws))
    # At the true power the scores have mean zero; their standard deviation is about 1.2.
    assert abs(tape.gradient(mean, power)) < 3 * 1.2 / np.sqrt(20_000)


class Draw(NamedTuple):
    kind: Any
    level: Any
    seconds: Any


def seconds(level, kind):
    """Depends on two parts, in another order than they have."""
    return tfd.LogNormal(level - tf.cast(kind, tf.float32), 0.5)


PARTS = {
    "kind": tfd.Categorical(logits=tf.constant([[0.0, 1.0], [2.0, 0.0], [0.0, 0.0]])),
    "level": lambda kind: tfd.Normal(tf.cast(kind, tf.float32), tf.constant([1.0, 2.0, 3.0])),
    "seconds": seconds,
}

MODELS = {
    "a named tuple": tfd.JointDistributionNamed(Draw(**PARTS)),
    "a dict": tfd.JointDistributionNamed(PARTS),
    "a joint part": tfd.JointDistributionNamed(
        {
            "level": tfd.Normal(tf.zeros([3]), 1.0),
            "inner": lambda level: tfd.JointDistributionNamed(
                {"first": tfd.Normal(level, 1.0), "second": tfd.Poisson(tf.exp(level))}
            ),
        }
    ),
    "no joint distribution": tfd.Normal(tf.zeros([3]), 1.0),
}


@pytest.mark.parametrize("name", MODELS)
def test_it_is_that_of_tensorflow_probability(name):
    distribution = MODELS[name]
    draw = random.sample(distribution, random.as_seed(0))
    expected = distribution.log_prob(draw)
    assert expected.shape == [3]
    np.testing.assert_allclose(log_prob(distribution, draw), expected, rtol=1e-6)


def test_parts_have_names_and_add_up():
    normal = tfd.Normal(tf.zeros(3), 1.0)
    inner = {"a": normal, "b": lambda a: tfd.Normal(a, 2.0)}
    distribution = tfd.JointDistributionNamed(
        {
            "nested": tfd.JointDistributionNamed(inner),
            "pair": tfd.JointDistributionSequential([normal, lambda first: tfd.Normal(first, 1.0)]),
            "turn": IndependentParts({"act": tfd.Bernoulli(logits=tf.zeros(3)), "at": (normal,)}),
            "single": normal,
        }
    )
    draw = {
        "nested": {"a": tf.ones(3), "b": tf.zeros(3)},
        "pair": [tf.ones(3), 2 * tf.ones(3)],
        "turn": {"act": tf.ones(3, tf.int32), "at": (tf.zeros(3),)},
        "single": 3 * tf.ones(3),
    }
    found = log_prob_parts(distribution, draw)
    expected = {
        "nested.a": normal.log_prob(1.0),
        "nested.b": tfd.Normal(tf.ones(3), 2.0).log_prob(0.0),
        "pair.0": normal.log_prob(1.0),
        "pair.1": normal.log_prob(1.0),
        "turn.act": tf.fill([3], -np.log(2).astype(np.float32)),
        "turn.at.0": normal.log_prob(0.0),
        "single": normal.log_prob(3.0),
    }
    assert set(found) == set(expected)
    for name, score in expected.items():
        np.testing.assert_allclose(found[name], score, rtol=1e-6)
    np.testing.assert_allclose(
        tf.add_n(list(found.values())), log_prob(distribution, draw), rtol=1e-6
    )
    assert list(log_prob_parts(normal, 1.0)) == [""]
