# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.agents.shared.slate_table import all_slates
from recsim_tf.core import random
from recsim_tf.core.distributions.plackett_luce_slates import PlackettLuce
from recsim_tf.core.runs.execution import compiled
from tests.alike import assert_close, assert_shares
from tests.refusals import assert_refused

LOGITS = np.array([0.3, -1.2, 2.0, 0.0, -0.4])
MASK = np.array([True, True, False, True, True])


def exact_probs(logits, slate_size, mask=None):
    """Probability of each slate of `all_slates`, position by position."""
    weights = np.exp(logits) * (1 if mask is None else mask)
    probs = []
    for slate in all_slates(len(logits), slate_size):
        left, prob = weights.copy(), 1.0
        for i in slate:
            prob *= left[i] / left.sum()
            left[i] = 0.0
        probs.append(prob)
    return np.array(probs)


def exact_entropy(probs):
    return -np.sum(probs[probs > 0] * np.log(probs[probs > 0]))


@pytest.mark.parametrize("slate_size", [1, 2, 3, 5])
def test_the_probabilities_of_all_ordered_slates_are_the_products_of_choices_and_sum_to_one(
    slate_size,
):
    distribution = PlackettLuce(tf.constant(LOGITS), slate_size)
    probs = np.exp(distribution.log_prob(all_slates(5, slate_size)))
    np.testing.assert_allclose(probs, exact_probs(LOGITS, slate_size), rtol=1e-12)
    np.testing.assert_allclose(probs.sum(), 1.0, rtol=1e-12)


@pytest.mark.parametrize("slate", [[0, 0], [-1, 1], [1, -1], [5, 1], [2, 0]])
def test_impossible_slates_have_probability_zero_and_a_zero_gradient(slate):
    logits = tf.constant(LOGITS)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        log_prob = PlackettLuce(logits, 2, MASK).log_prob(slate)
    assert log_prob == -np.inf
    assert np.isfinite(tape.gradient(log_prob, logits)).all()


def test_the_logit_of_a_masked_candidate_may_be_minus_infinity():
    logits = tf.constant(np.where(MASK, LOGITS, -np.inf))
    slates = tf.constant([[0, 1], [4, 3]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        log_probs, entropies = PlackettLuce(logits, 2, MASK).log_prob_and_entropy(slates)
    finite = PlackettLuce(LOGITS, 2, MASK).log_prob_and_entropy(slates)
    np.testing.assert_allclose((log_probs, entropies), finite, rtol=1e-12)
    for result in (log_probs, entropies):
        assert np.isfinite(tape.gradient(result, logits)).all()


def test_where_too_few_candidates_can_be_shown_the_rest_of_the_slate_is_empty():
    mask = tf.constant([False, True, False, False, True])
    distribution = PlackettLuce(tf.constant(LOGITS), 3, mask)
    slates = [[1, 4, -1], [4, 1, -1]]
    draws = {tuple(draw) for draw in distribution.sample(50, seed=1).numpy()}
    assert draws == set(map(tuple, slates))
    probs = np.exp(LOGITS[[1, 4]]) / np.exp(LOGITS[[1, 4]]).sum()
    np.testing.assert_allclose(np.exp(distribution.log_prob(slates)), probs, rtol=1e-12)
    assert distribution.log_prob([1, -1, 4]) == distribution.log_prob([1, 4, 0]) == -np.inf
    np.testing.assert_array_equal(distribution.mode(), [4, 1, -1])
    np.testing.assert_allclose(
        distribution.by_position(tf.constant(slates))[1][:, 1:], 0, atol=1e-12
    )
    alone = PlackettLuce(tf.constant(LOGITS), 2, tf.zeros([5], tf.bool))
    np.testing.assert_array_equal(alone.log_prob([-1, -1]), 0.0)


def test_extreme_logits_keep_log_probs_and_gradients_finite():
    logits = tf.constant([1000.0, -1000.0, 0.0, 500.0])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        distribution = PlackettLuce(logits, 3)
        log_prob = distribution.log_prob([1, 2, 0])
        total = log_prob + distribution.log_prob_and_entropy(tf.constant([1, 2, 0]))[1]
    np.testing.assert_allclose(log_prob, -2000.0 - 1000.0)
    assert np.isfinite(tape.gradient(total, logits)).all()


@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
def test_draws_have_the_exact_frequencies(mask):
    num_draws = 40_000
    logits = tf.tile(tf.constant(LOGITS, tf.float32)[tf.newaxis], [num_draws, 1])
    draws = random.sample(PlackettLuce(logits, 2, mask), random.as_seed(3)).numpy()
    expected = exact_probs(LOGITS, 2, mask)
    frequencies = np.array([(draws == slate).all(-1).mean() for slate in all_slates(5, 2)])
    np.testing.assert_array_equal(frequencies[expected == 0], 0.0)
    assert_shares(frequencies, expected, num_draws)


def test_shapes_dtypes_and_sampling_by_seed():
    logits = tf.constant(np.tile(LOGITS, [2, 4, 1]), tf.float32)
    distribution = PlackettLuce(logits, 3)
    assert distribution.dtype == tf.int32
    assert distribution.batch_shape == distribution.batch_shape_tensor().numpy().tolist() == [2, 4]
    assert distribution.event_shape == distribution.event_shape_tensor().numpy().tolist() == [3]
    slates = distribution.sample(6, seed=random.as_seed(1))
    assert (slates.shape, slates.dtype) == ([6, 2, 4, 3], tf.int32)
    assert distribution.log_prob(slates).shape == [6, 2, 4]
    assert distribution.log_prob_and_entropy(slates)[1].shape == [6, 2, 4]
    np.testing.assert_array_equal(slates, distribution.sample(6, seed=random.as_seed(1)))
    for dtype in (tf.float32, tf.float64):
        cast = PlackettLuce(tf.cast(logits, dtype), 3, tf.constant(MASK))
        slate = random.sample(cast, random.as_seed(2))
        assert cast.log_prob(slate).dtype == cast.log_prob_and_entropy(slate)[1].dtype == dtype


def test_the_mode_is_the_top_of_the_logits_in_order():
    np.testing.assert_array_equal(PlackettLuce(LOGITS, 3).mode(), [2, 0, 3])
    np.testing.assert_array_equal(PlackettLuce(LOGITS, 3, MASK).mode(), [0, 3, 4])
    slates = all_slates(5, 3)
    assert np.argmax(PlackettLuce(LOGITS, 3).log_prob(slates)) == slates.tolist().index([2, 0, 3])


@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
@pytest.mark.parametrize("slate_size", [1, 2, 3])
def test_the_entropy_estimate_is_unbiased_and_so_is_its_gradient(slate_size, mask):
    slates = all_slates(5, slate_size)
    probs = exact_probs(LOGITS, slate_size, mask)
    slates, probs = slates[probs > 0], probs[probs > 0]
    logits = tf.constant(LOGITS)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        distribution = PlackettLuce(logits, slate_size, mask)
        mean = tf.reduce_sum(probs * distribution.log_prob_and_entropy(slates)[1])
        log_probs = distribution.log_prob(slates)
        entropy = -tf.reduce_sum(tf.exp(log_probs) * log_probs)
    np.testing.assert_allclose(mean, exact_entropy(probs), rtol=1e-12)
    np.testing.assert_allclose(
        tape.gradient(mean, logits), tape.gradient(entropy, logits), atol=1e-12
    )


def test_gradients_are_those_of_finite_differences():
    slate = tf.constant([3, 0, 4])

    def log_prob(logits):
        return PlackettLuce(logits, 3, MASK).log_prob(slate)

    logits = tf.constant(LOGITS)
    theoretical, numerical = tf.test.compute_gradient(log_prob, [logits])
    np.testing.assert_allclose(theoretical[0], numerical[0], atol=1e-7)
    np.testing.assert_allclose(theoretical[0][0, 2], 0.0)


def test_graph_and_xla_agree():
    logits = tf.constant(np.random.default_rng(0).normal(size=[7, 5]), tf.float32)

    def everything():
        distribution = PlackettLuce(logits, 3)
        slate = random.sample(distribution, random.as_seed(5))
        return (
            distribution.log_prob([2, 0, 1]),
            distribution.mode(),
            distribution.log_prob_and_entropy(tf.tile([[2, 0, 1]], [7, 1]))[1],
            slate,
        )

    graph, xla = (compiled(everything, jit_compile=jit_compile)() for jit_compile in (False, True))
    assert_close(graph[:3], xla[:3], rtol=1e-5)
    assert (np.sort(xla[3], axis=1)[:, 1:] > np.sort(xla[3], axis=1)[:, :-1]).all()


def test_the_slate_size_is_checked():
    message = r"slate_size must be in \[1, number of logits=5\], got 6"
    assert_refused(lambda: PlackettLuce(LOGITS, 6), message)
