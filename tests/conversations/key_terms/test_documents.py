# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.conversations.key_terms import KeyTermDocuments
from recsim_tf.conversations.key_terms.documents import _memberships, draw_catalogue
from recsim_tf.core import random

NUM_ARMS, NUM_KEY_TERMS, NUM_OFFERED = 6, 3, 4
DOCUMENTS = KeyTermDocuments(NUM_ARMS, NUM_KEY_TERMS, 5, NUM_OFFERED)


def draw(num_candidates, num_users=400):
    distribution = DOCUMENTS.candidates(num_users, num_candidates, (), ())
    return distribution, random.sample(distribution, random.as_seed(0))


def test_all_key_terms_follow_arms_in_their_order_where_there_is_room_for_them():
    distribution, ids = draw(NUM_OFFERED + NUM_KEY_TERMS)
    share = np.bincount(ids[:, :NUM_OFFERED].numpy().ravel(), minlength=NUM_ARMS) / 1600
    assert (np.abs(share - 1 / NUM_ARMS) < 4 * np.sqrt(5 / 36 / 1600)).all()
    np.testing.assert_array_equal(ids[:, NUM_OFFERED:], np.tile([6, 7, 8], [400, 1]))
    # Only the arms are drawn.
    expected = -NUM_OFFERED * math.log(NUM_ARMS)
    np.testing.assert_allclose(distribution.log_prob(ids), np.full(400, expected), rtol=1e-6)
    assert np.isneginf(distribution.log_prob(ids[:, ::-1])).all()


def test_fewer_key_terms_are_drawn():
    distribution, ids = draw(NUM_OFFERED + 2)
    share = np.bincount(ids[:, NUM_OFFERED:].numpy().ravel(), minlength=9)[NUM_ARMS:] / 800
    assert (np.abs(share - 1 / NUM_KEY_TERMS) < 4 * np.sqrt(2 / 9 / 800)).all()
    expected = -NUM_OFFERED * math.log(NUM_ARMS) - 2 * math.log(NUM_KEY_TERMS)
    np.testing.assert_allclose(distribution.log_prob(ids), np.full(400, expected), rtol=1e-6)


def test_fewer_candidates_than_offered_arms_are_arms():
    assert DOCUMENTS.split(3) == (3, 0)
    assert np.all(draw(3)[1] < NUM_ARMS)


@pytest.mark.parametrize("num_candidates", [3, 6, 7])
def test_samples_of_the_distribution_itself_have_its_shape_and_are_possible(num_candidates):
    distribution, _ = draw(num_candidates, num_users=2)
    sample = distribution.sample(5, seed=random.as_seed(1))
    assert sample.shape == [5, 2, num_candidates]
    assert np.isfinite(distribution.log_prob(sample)).all()


def test_candidates_are_described_by_their_rows():
    ids = tf.constant([[0, 5, 6], [2, 8, 2]])
    shown = DOCUMENTS.show(DOCUMENTS.observe(DOCUMENTS.describe(ids, ())), ())
    np.testing.assert_array_equal(shown.item_id, ids)
    np.testing.assert_array_equal(shown.is_key_term, [[0, 0, 1], [0, 1, 0]])
    np.testing.assert_array_equal(shown.features, DOCUMENTS.features[ids.numpy()])


@pytest.fixture(scope="module")
def features():
    return draw_catalogue(5000, 500, 50, seed=3)


@pytest.fixture(scope="module")
def members():
    return _memberships(np.random.default_rng(3), 500, 5000)


def test_arms_have_length_one_and_everything_has_a_bias(features):
    assert features.shape == (5500, 50)
    np.testing.assert_allclose(np.linalg.norm(features[:5000, :-1], axis=1), 1.0)
    np.testing.assert_allclose(features[:, -1], 1.0, rtol=1e-12)
    assert (np.linalg.norm(features[5000:, :-1], axis=1) <= 1 + 1e-12).all()


def test_a_key_term_has_one_to_ten_arms_each_number_and_each_arm_equally_likely(members):
    counts = np.bincount(members.sum(axis=1), minlength=11)
    assert counts[0] == 0
    assert len(counts) == 11
    expected = 50
    assert (np.abs(counts[1:] - expected) < 4 * np.sqrt(0.9 * expected)).all()
    early = members[:, :2500].sum()
    assert abs(early - members.sum() / 2) < 4 * np.sqrt(members.sum() / 4)


def test_arms_lie_around_their_key_terms_and_key_terms_are_their_weighted_means():
    num_arms, num_key_terms, num_features = 40, 30, 2000
    features = draw_catalogue(num_arms, num_key_terms, num_features, seed=1)
    # The generator's first draws are the vectors, the next the memberships.
    generator = np.random.default_rng(1)
    vectors = generator.standard_normal([num_key_terms, num_features - 1])
    members = _memberships(generator, num_key_terms, num_arms)
    weights = members / np.maximum(members.sum(axis=0), 1)
    means, arms = weights.T @ vectors, features[:num_arms, :-1]
    for arm, mean in zip(arms, means, strict=True):
        # An arm is (mean + noise) / length. The noise has a standard deviation of one.
        length = np.sqrt(np.sum(mean**2) + num_features - 1)
        assert np.std(arm * length - mean) == pytest.approx(1, abs=0.15)
    for term, weight in enumerate(weights):
        expected = np.average(arms, axis=0, weights=weight)
        np.testing.assert_allclose(features[num_arms + term, :-1], expected)
