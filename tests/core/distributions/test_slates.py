# SPDX-License-Identifier: Apache-2.0
"""Distributions of slates against the enumeration of all slates."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.agents.shared.slate_table import all_slates
from recsim_tf.core import random
from recsim_tf.core.distributions import (
    CertainSlates,
    PlackettLuce,
    SlateDistribution,
    SlateMixture,
    UniformSlates,
)
from tests.alike import assert_modes_agree

LOGITS = np.random.default_rng(0).normal(size=[2, 5])
SLATES = all_slates(5, 3)
FIXED = tf.constant([[3, 0, 4], [1, 2, 0]])


def plackett_luce(spread=1.0, mask=None, dtype=tf.float64):
    return PlackettLuce(tf.constant(spread * LOGITS, dtype), 3, mask)


def mixture():
    parts = [CertainSlates(FIXED, 5), UniformSlates(5, 3, [2]), plackett_luce(dtype=tf.float32)]
    return SlateMixture(tf.constant([0.6, 0.1, 0.3]), parts)


DISTRIBUTIONS = {
    "Plackett-Luce": plackett_luce,
    "wide": lambda: plackett_luce(6.0),
    "sharp": lambda: plackett_luce(300.0),
    "masked": lambda: plackett_luce(mask=tf.constant([True, True, False, True, True])),
    "uniform": lambda: UniformSlates(5, 3, [2]),
    "certain": lambda: CertainSlates(FIXED, 5),
    "mixture": mixture,
}


@pytest.fixture(params=DISTRIBUTIONS)
def distribution(request):
    return DISTRIBUTIONS[request.param]()


def probs(distribution):
    """[S, 2]: of all slates."""
    return np.exp(distribution.log_prob(tf.constant(SLATES)[:, tf.newaxis]), dtype=np.float64)


def test_probabilities_sum_to_one_and_a_prefix_has_that_of_all_that_continue_it(distribution):
    assert isinstance(distribution, SlateDistribution)
    found = probs(distribution)
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-6)
    prefixes = np.exp(distribution.prefix_log_probs(tf.constant(SLATES)[:, tf.newaxis]))
    for length, (index, slate) in itertools.product([1, 2, 3], enumerate(np.asarray(SLATES)[::7])):
        continues = (np.asarray(SLATES)[:, :length] == slate[:length]).all(-1)
        np.testing.assert_allclose(
            prefixes[7 * index, :, length - 1], found[continues].sum(0), atol=1e-6
        )


def test_marginals_are_sums_over_all_slates(distribution):
    expected = np.einsum("sb,skn->bkn", probs(distribution), np.eye(5)[SLATES])
    atol = 1e-8 if distribution.marginals().dtype == tf.float64 else 1e-6
    np.testing.assert_allclose(distribution.marginals(), expected, atol=atol)


def test_a_set_has_the_probability_of_all_its_orders(distribution):
    found, ranked = probs(distribution), np.sort(SLATES, axis=1)
    for slate in itertools.combinations(range(5), 3):
        log_prob = distribution.set_log_prob(tf.constant([slate[::-1]] * 2))
        expected = found[(ranked == slate).all(1)].sum(0)
        np.testing.assert_allclose(np.exp(log_prob), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("slate", [[0, 0, 1], [0, 1, 5], [-1, 0, 1], [0, 1, -1]])
def test_slates_that_cannot_be_shown_have_probability_zero_from_there_on(distribution, slate):
    prefixes = distribution.prefix_log_probs(tf.constant([slate] * 2)).numpy()
    first = next(k for k in range(3) if slate[k] in {*slate[:k], -1, 5})
    assert (prefixes[:, first:] == -np.inf).all()
    assert (distribution.set_log_prob(tf.constant([slate] * 2)).numpy() == -np.inf).all()


def test_draws_have_their_frequencies(distribution):
    num_draws = 20_000
    draws = np.asarray(distribution.sample(num_draws, seed=1))
    expected = probs(distribution)
    found = np.stack([(draws == slate).all(-1).mean(0) for slate in np.asarray(SLATES)])
    error = np.sqrt(expected * (1 - expected) / num_draws)
    # A slate that is expected less than once may occur a few times.
    assert (np.abs(found - expected) <= 4.5 * error + 3 / num_draws).all()


@pytest.mark.slow
def test_eager_graph_and_xla_agree(distribution):
    def everything():
        return (
            distribution.prefix_log_probs(FIXED),
            distribution.marginals(),
            distribution.set_log_prob(FIXED),
        )

    assert_modes_agree(everything, rtol=1e-5, atol=1e-7)


def test_marginals_of_short_slates_and_their_sets():
    mask = tf.constant([False, True, False, False, True])
    distribution = PlackettLuce(tf.constant(LOGITS), 3, mask)
    first = np.exp(LOGITS[:, [1, 4]]) / np.exp(LOGITS[:, [1, 4]]).sum(1, keepdims=True)
    marginals = distribution.marginals().numpy()
    np.testing.assert_allclose(marginals[:, 0, [1, 4]], first, atol=1e-9)
    np.testing.assert_allclose(marginals[:, 1, [4, 1]], first, atol=1e-9)
    np.testing.assert_array_equal(marginals[:, 2], 0)
    np.testing.assert_array_equal(distribution.set_log_prob(tf.constant([[4, 1, -1]] * 2)), 0)


def test_the_prefix_at_an_empty_position_is_that_of_the_slate_so_far():
    mask = tf.constant([False, True, False, False, True])
    distribution = PlackettLuce(tf.constant(LOGITS), 3, mask)
    prefixes = np.exp(distribution.prefix_log_probs(tf.constant([[4, 1, -1]] * 2)))
    odds = np.exp(LOGITS[:, [4, 1]])
    expected = np.repeat(odds[:, :1] / odds.sum(1, keepdims=True), 3, axis=1)
    np.testing.assert_allclose(prefixes, expected, atol=1e-9)


def test_gradients_of_marginals_and_sets_are_those_of_finite_differences():
    logits = tf.constant(LOGITS[:1])
    for function in (
        lambda logits: PlackettLuce(logits, 2).marginals()[..., 1, 3],
        lambda logits: PlackettLuce(logits, 2).set_log_prob(tf.constant([[3, 1]])),
    ):
        theoretical, numerical = tf.test.compute_gradient(function, [logits])
        np.testing.assert_allclose(theoretical[0], numerical[0], atol=1e-6)


def test_a_mixture_with_an_impossible_part_has_a_finite_gradient():
    logits = tf.constant(LOGITS)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        parts = [PlackettLuce(logits, 3), CertainSlates(FIXED, 5)]
        mixed = SlateMixture(tf.constant([0.5, 0.5]), [parts[1], UniformSlates(5, 3, [2])])
        log_prob = mixed.log_prob(FIXED[::-1]) + tf.cast(parts[0].log_prob(FIXED), tf.float32)
    assert np.isfinite(tape.gradient(log_prob, logits)).all()
    assert random.sample(mixed, random.as_seed(0)).shape == [2, 3]
