# SPDX-License-Identifier: Apache-2.0
import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf import belief, choice


def log(probs):
    with np.errstate(divide="ignore"):
        return np.log(np.asarray(probs)).astype("f")


def two_options(num_points=20_001):
    """Weights [1, P] and utilities [1, P, 2] of two options that are jointly normal, with means 0.3
    and 0.1 and covariance ((1, 0.2), (0.2, 0.5)).

    The larger is the second plus the positive part of the difference. So a fine grid of the
    difference is enough, and the second is its mean given the difference.
    """
    deviation = math.sqrt(1 + 0.5 - 2 * 0.2)
    edges = np.linspace(-8, 8, num_points + 1)
    cdf = 0.5 * (1 + np.vectorize(math.erf)(edges / math.sqrt(2)))
    difference = 0.2 + deviation * (edges[1:] + edges[:-1]) / 2
    second = 0.1 + (0.2 - 0.5) / deviation**2 * (difference - 0.2)
    utilities = np.stack([second + difference, second], axis=1)
    return np.diff(cdf)[np.newaxis].astype("f"), utilities[np.newaxis].astype("f")


def noiseless(utilities, sets):
    """Log-probabilities [B, Q, P, K] of choosing each document of a set [Q, K]."""
    shown = utilities[:, :, sets].transpose(0, 2, 1, 3)
    return log(shown == shown.max(axis=3, keepdims=True))


def finite_beliefs(num_beliefs=50, num_types=8, num_items=7):
    generator = np.random.default_rng(0)
    weights = generator.dirichlet(np.ones(num_types), num_beliefs).astype("f")
    return weights, generator.normal(size=(num_beliefs, num_types, num_items)).astype("f")


def test_the_best_of_two_gaussian_options_is_worth_clarks_formula():
    weights, utilities = two_options()
    np.testing.assert_allclose(belief.expected_max(weights, utilities), [0.6259988], atol=1e-5)
    np.testing.assert_allclose(belief.expected_utility(weights, utilities), [[0.3, 0.1]], atol=1e-5)
    worth = belief.evoi(weights, utilities, noiseless(utilities, [[0, 1]]))
    np.testing.assert_allclose(worth, [[0.3259988]], atol=1e-5)


def test_a_question_to_two_types_is_worth_what_it_changes():
    weights, utilities = tf.constant([[0.6, 0.4]]), tf.constant([[[1.0, 0.0], [0.0, 2.0]]])
    answers = log([[[[0.9, 0.1], [0.2, 0.8]]]])
    np.testing.assert_allclose(belief.expected_utility(weights, utilities), [[0.6, 0.8]], atol=1e-6)
    np.testing.assert_allclose(belief.evoi(weights, utilities, answers), [[0.38]], atol=1e-6)

    def entropy(prob):
        return -prob * math.log(prob) - (1 - prob) * math.log(1 - prob)

    before = entropy(0.6 * 0.9 + 0.4 * 0.2)
    noise = 0.6 * entropy(0.9) + 0.4 * entropy(0.2)
    found = belief.predictive_entropy(weights, answers), belief.information_gain(weights, answers)
    np.testing.assert_allclose(found, [[[before]], [[before - noise]]], atol=1e-6)


@pytest.mark.parametrize("size", [2, 3])
def test_the_optimal_recommendation_set_is_the_optimal_noiseless_query(size):
    weights, utilities = finite_beliefs()
    sets = np.array(list(itertools.combinations(range(utilities.shape[2]), size)))
    shown = utilities[:, :, sets]
    of_sets = belief.expected_max(weights, shown).numpy()
    np.testing.assert_allclose(of_sets, np.einsum("bp,bpq->bq", weights, shown.max(3)), atol=1e-5)
    now = np.einsum("bp,bpn->bn", weights, utilities).max(axis=1, keepdims=True)
    of_queries = now + belief.evoi(weights, utilities, noiseless(utilities, sets)).numpy()
    np.testing.assert_allclose(of_sets.max(axis=1), of_queries.max(axis=1), atol=1e-5)
    assert (of_queries >= of_sets - 1e-5).all()
    best = of_sets.argmax(axis=1)[:, np.newaxis]
    attained = np.take_along_axis(of_queries, best, axis=1)[:, 0]
    np.testing.assert_allclose(attained, of_queries.max(axis=1), atol=1e-5)


def test_of_equal_candidates_the_first_is_chosen_and_none_twice():
    utilities = np.zeros([1, 4, 5], "f")
    utilities[..., [1, 3]] = [[1, 1], [1, 1], [0, 0], [0, 0]]
    weights = np.full([1, 4], 0.25, "f")
    np.testing.assert_array_equal(
        belief.recommendation_set(weights, utilities, 5), [[1, 0, 2, 3, 4]]
    )
    utilities[..., 3] += 1e-8
    np.testing.assert_array_equal(belief.recommendation_set(weights, utilities, 1), [[1]])


def test_a_reply_that_tells_nothing_is_worth_nothing():
    weights, utilities = finite_beliefs()
    same = np.broadcast_to(log([0.3, 0.5, 0.2]), [*utilities.shape[:1], 1, utilities.shape[1], 3])
    only_item = choice.MultinomialLogit()(utilities[:, np.newaxis, :, :1]).log_probs
    assert only_item.shape[-1] == 2
    for replies in (same, only_item):
        np.testing.assert_allclose(belief.evoi(weights, utilities, replies), 0, atol=1e-6)
        np.testing.assert_allclose(belief.information_gain(weights, replies), 0, atol=1e-6)


def test_impossible_replies_and_types_have_finite_gradients():
    weights = tf.constant([[0.5, 0.5, 0.0]])
    utilities = tf.constant([[[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]]])
    log_probs = tf.constant(log([[[[1.0, 0.0], [0.3, 0.7], [0.0, 1.0]]]]))
    with tf.GradientTape() as tape:
        tape.watch([weights, utilities, log_probs])
        values = [
            belief.evoi(weights, utilities, log_probs),
            belief.information_gain(weights, log_probs),
            belief.expected_max(weights, utilities),
        ]
    for gradient in tape.gradient(values, [weights, utilities, log_probs]):
        assert np.isfinite(gradient).all()


def test_a_set_has_at_most_as_many_documents_as_there_are():
    with pytest.raises(ValueError, match=r"slate_size must be in \[1, num_candidates=7\], got 8"):
        belief.recommendation_set(*finite_beliefs(1), 8)
