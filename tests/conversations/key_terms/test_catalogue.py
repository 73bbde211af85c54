import numpy as np
import pytest

from recsim_tf.conversations.key_terms.documents import _memberships, draw_catalogue

NUM_ARMS, NUM_KEY_TERMS, NUM_FEATURES = 5000, 500, 50


@pytest.fixture(scope="module")
def features():
    return draw_catalogue(NUM_ARMS, NUM_KEY_TERMS, NUM_FEATURES, seed=3)


@pytest.fixture(scope="module")
def members():
    return _memberships(np.random.default_rng(3), NUM_KEY_TERMS, NUM_ARMS)


def test_arms_have_length_one_and_everything_has_a_bias(features):
    assert features.shape == (NUM_ARMS + NUM_KEY_TERMS, NUM_FEATURES)
    np.testing.assert_allclose(np.linalg.norm(features[:NUM_ARMS, :-1], axis=1), 1.0)
    np.testing.assert_allclose(features[:, -1], 1.0, rtol=1e-12)
    assert (np.linalg.norm(features[NUM_ARMS:, :-1], axis=1) <= 1 + 1e-12).all()


def test_a_key_term_has_one_to_ten_arms_each_number_and_each_arm_equally_likely(members):
    counts = np.bincount(members.sum(axis=1), minlength=11)
    assert counts[0] == 0
    assert len(counts) == 11
    expected = NUM_KEY_TERMS / 10
    assert (np.abs(counts[1:] - expected) < 4 * np.sqrt(0.9 * expected)).all()
    early = members[:, : NUM_ARMS // 2].sum()
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


def test_a_seed_decides_the_catalogue(features):
    np.testing.assert_array_equal(
        draw_catalogue(NUM_ARMS, NUM_KEY_TERMS, NUM_FEATURES, seed=3), features
    )
    assert not np.array_equal(draw_catalogue(7, 3, 4, seed=3), draw_catalogue(7, 3, 4, seed=4))
