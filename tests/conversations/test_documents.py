# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.conversations import Items
from recsim_tf.core import random
from tests.conversations import turns
from tests.refusals import assert_refused

D, N, F, A = 6, 3, 3, 2
DIRECTIONS = np.random.default_rng(0).normal(size=[A, 2, F]).astype("f")
REFINEMENTS = np.float32([[0, 0], [2, 0], [1, 1]])
USER = turns.states(3)._replace(refinements=tf.constant(REFINEMENTS))


def candidates(items, num_candidates=N):
    return items.candidates(3, num_candidates, (), USER)


def popularity(items):
    """Probabilities [B, D] of the first candidate."""
    degrees = items.factors @ DIRECTIONS.mean(axis=1).T
    weights = np.exp(1.5 * REFINEMENTS @ degrees.T)
    return weights / weights.sum(axis=1, keepdims=True)


def test_candidates_follow_what_users_asked_for():
    items = Items(D, F, directions=DIRECTIONS, refinement=1.5)
    expected = popularity(items)
    np.testing.assert_allclose(expected[0], np.full(D, 1 / D), rtol=1e-6)
    assert np.ptp(expected[1]) > 0.2
    for ids in ([0, 1, 2], [5, 0, 3]):
        first, second, third = expected[:, ids].T
        by_hand = np.log(first * second * third / (1 - first) / (1 - first - second))
        found = candidates(items).log_prob(tf.constant([ids] * 3))
        np.testing.assert_allclose(found, by_hand, rtol=1e-4)
    draws = candidates(items, 1).sample(4000, seed=(0, 1))[..., 0].numpy()
    shares = np.mean(draws[..., np.newaxis] == np.arange(D), axis=0)
    np.testing.assert_allclose(shares, expected, atol=4 * 0.5 / np.sqrt(4000))


def test_items_without_directions_do_not_follow():
    found = candidates(Items(D, F)).log_prob(tf.constant([[0, 1, 2]] * 3))
    np.testing.assert_allclose(found, [np.log(1 / 6 / 5 / 4)] * 3, rtol=1e-5)


def test_the_weight_of_a_refinement_has_its_gradient():
    refinement = tf.Variable(1.5)
    items = Items(D, F, directions=DIRECTIONS, refinement=refinement)
    with tf.GradientTape() as tape:
        log_prob = tf.reduce_sum(candidates(items, 1).log_prob(tf.constant([[4]] * 3)))
    wanted = REFINEMENTS @ (items.factors @ DIRECTIONS.mean(axis=1).T).T
    expected = np.sum(wanted[:, 4] - np.sum(popularity(items) * wanted, axis=1))
    np.testing.assert_allclose(tape.gradient(log_prob, refinement), expected, rtol=1e-4)


def test_candidates_differ_however_large_a_refinement_is():
    distribution = candidates(Items(D, F, directions=DIRECTIONS, refinement=1e4))
    ids = random.sample(distribution, random.as_seed(5))
    assert all(len(set(row)) == N for row in ids.numpy())
    assert np.isfinite(distribution.log_prob(ids)).all()


def test_factors_for_each_user_are_followed_as_shared_ones_are():
    shared = Items(D, F, directions=DIRECTIONS)
    own = Items(D, F, directions=DIRECTIONS, factors=np.tile(shared.factors, [3, 1, 1]))
    ids = tf.constant([[0, 4, 2]] * 3)
    np.testing.assert_allclose(
        candidates(own).log_prob(ids), candidates(shared).log_prob(ids), rtol=1e-5
    )
    for one, other in zip(own.describe(ids, ()), shared.describe(ids, ()), strict=True):
        np.testing.assert_array_equal(one, other)


def test_as_many_candidates_as_items_are_all_in_order():
    items = Items(D, F, bias=np.arange(D, dtype="f"), directions=DIRECTIONS)
    ids = random.sample(candidates(items, D), random.as_seed(0))
    np.testing.assert_array_equal(ids, np.tile(np.arange(D), [3, 1]))
    np.testing.assert_array_equal(candidates(items, D).log_prob(ids), np.zeros(3))
    described = items.describe(ids, ())
    np.testing.assert_array_equal(described.bias, np.tile(np.arange(D), [3, 1]))
    np.testing.assert_array_equal(described.factors, np.tile(items.factors, [3, 1, 1]))
    assert items.observe(described) is described


def test_factors_have_a_length_of_about_one():
    factors = Items(2000, 10, seed=3).factors
    lengths = np.sum(factors**2, axis=1)
    assert abs(lengths.mean() - 1) < 4 * np.sqrt(2 / 10 / 2000)
    assert not np.array_equal(factors, Items(2000, 10, seed=4).factors)


@pytest.mark.slow
def test_directions_whose_degrees_are_infinite_are_refused_by_the_check():
    documents = Items(directions=np.full([5, 1, 10], 3e38))
    simulator = recsim_tf.conversation(documents=documents)
    message = "Items.candidates must return a distribution with a finite log-probability"
    assert_refused(lambda: recsim_tf.check(simulator), message)
