# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import choice
from recsim_tf.core import random
from recsim_tf.core.distributions import num_outcomes
from tests.alike import assert_modes_agree, assert_shares

INF = float("inf")
MODE_LOGITS = [[0.3, -0.2, 1.0], [0.0, -INF, 0.5]]
SCORES = [[0.5, -1.0], [2.0, 0.1]]
ANSWERS = np.log([0.2, 0.5, 0.3]).astype("f")
SIZES, OFFSETS, NUM_SYMBOLS = (1, 3, 3), (0, 1, 4), 7


def replies(mode_logits=MODE_LOGITS, scores=SCORES) -> choice.Alternatives:
    """Nothing, an answer of three that all users share, or a choice of two documents or none."""
    choose = choice.MultinomialLogit(no_click_mass=0.0)(tf.constant(scores))
    return choice.Alternatives(tf.constant(mode_logits), [tf.zeros([1]), ANSWERS, choose])


def by_hand() -> np.ndarray:
    """Probabilities [2, R] of the symbols of `replies`."""
    modes = np.exp(MODE_LOGITS) / np.exp(MODE_LOGITS).sum(axis=1, keepdims=True)
    weights = np.exp(np.concatenate([SCORES, np.zeros([2, 1])], axis=1))
    branches = [
        np.ones([2, 1]),
        np.tile(np.exp(ANSWERS), [2, 1]),
        weights / weights.sum(axis=1, keepdims=True),
    ]
    return np.concatenate([modes[:, [m]] * branch for m, branch in enumerate(branches)], axis=1)


def test_a_symbol_has_the_probability_of_its_mode_times_that_of_its_value():
    distribution = replies()
    np.testing.assert_allclose(np.exp(distribution.log_probs), by_hand(), atol=1e-6)
    np.testing.assert_allclose(np.exp(distribution.log_probs).sum(axis=1), 1, atol=1e-6)
    symbols = tf.range(NUM_SYMBOLS)[:, tf.newaxis]
    with np.errstate(divide="ignore"):
        expected = np.log(by_hand()).T
    np.testing.assert_allclose(distribution.log_prob(symbols), expected, atol=1e-6)
    assert (distribution.log_prob([[-1], [NUM_SYMBOLS]]) == -INF).numpy().all()
    assert num_outcomes(distribution) == NUM_SYMBOLS
    assert distribution.batch_shape == [2]
    np.testing.assert_array_equal(distribution.mode(), by_hand().argmax(axis=1))
    np.testing.assert_allclose(
        distribution.entropy(), -np.sum(by_hand() * np.log(by_hand() + 1e-30), axis=1), rtol=1e-6
    )


@pytest.mark.parametrize("mode", range(3))
def test_with_one_possible_mode_it_is_the_branch_of_that_mode(mode):
    alone = np.full([2, 3], -INF, "f")
    alone[:, mode] = 2.5
    all_modes = replies(alone)
    one_mode = choice.Alternatives(alone[:, [mode]], [all_modes._branches[mode]])
    own = slice(OFFSETS[mode], OFFSETS[mode] + SIZES[mode])
    branch = np.broadcast_to(all_modes._branches[mode], [2, SIZES[mode]])
    np.testing.assert_allclose(all_modes.log_probs[:, own], branch, atol=1e-6)
    np.testing.assert_allclose(one_mode.log_probs, branch, atol=1e-6)
    assert np.isinf(np.delete(all_modes.log_probs, np.r_[own], axis=1)).all()


def test_what_is_impossible_has_gradient_zero_and_is_never_nan():
    mode_logits = tf.constant([[0.5, -INF, 0.0], [-INF, -INF, -INF]])
    answers = tf.constant([[float("nan"), -INF, 3.0]] * 2)
    ratings = tf.constant([[0.0, -INF]] * 2)
    with tf.GradientTape() as tape:
        tape.watch([mode_logits, answers, ratings])
        distribution = choice.Alternatives(mode_logits, [tf.zeros([1]), answers, ratings])
        log_probs = distribution.log_prob(tf.range(6)[:, tf.newaxis])
        seen = distribution.log_likelihood(tf.zeros([6]))
    np.testing.assert_array_equal(np.isfinite(log_probs[:, 0]), [1, 0, 0, 0, 1, 0])
    assert (log_probs[:, 1] == -INF).numpy().all()
    np.testing.assert_allclose(seen, [0, -INF], atol=1e-6)
    assert (distribution.entropy() >= 0).numpy().all()
    of_modes, of_answers, of_ratings = tape.gradient(
        [log_probs, seen], [mode_logits, answers, ratings]
    )
    probs = tf.nn.softmax(mode_logits[0])
    # Of log softmax of the two possible symbols.
    np.testing.assert_allclose(
        of_modes, [[1 - 2 * probs[0], 0, 1 - 2 * probs[2]], [0] * 3], atol=1e-6
    )
    np.testing.assert_array_equal(of_answers, np.zeros([2, 3]))
    np.testing.assert_allclose(of_ratings, [[1 + probs[2], 0], [0, 0]], atol=1e-6)


def test_symbols_and_pairs_of_mode_and_value_are_the_same_thing():
    alphabet = replies().alphabet
    assert (alphabet.sizes, alphabet.offsets) == (SIZES, OFFSETS)
    mode, value = alphabet.split(tf.range(NUM_SYMBOLS))
    np.testing.assert_array_equal(mode, [0, 1, 1, 1, 2, 2, 2])
    np.testing.assert_array_equal(value, [0, 0, 1, 2, 0, 1, 2])
    np.testing.assert_array_equal(alphabet.symbol(mode, value), np.arange(NUM_SYMBOLS))


def test_the_symbols_of_some_modes_take_their_branches_alone():
    distribution = replies()
    for modes, symbols in (([1], [1, 2, 3]), ([2, 0], [4, 5, 6, 0])):
        expected = tf.gather(distribution.log_probs, symbols, axis=1)
        np.testing.assert_array_equal(distribution.log_probs_of(modes), expected)

    scores = tf.constant(SCORES)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        answers = replies(scores=scores).log_probs_of([1])
    assert tape.gradient(answers, scores) is None


def test_evidence_of_one_symbol_is_its_probability_and_no_evidence_is_certain():
    distribution = replies()
    one_hot = tf.math.log(tf.one_hot([5, 2], NUM_SYMBOLS))
    np.testing.assert_allclose(
        distribution.log_likelihood(one_hot), distribution.log_prob([5, 2]), atol=1e-6
    )
    np.testing.assert_allclose(distribution.log_likelihood(tf.zeros([7])), [0, 0], atol=1e-6)


def test_draws_have_their_probabilities_and_take_one_uniform():
    meter = random.meter()
    distribution = replies()
    random.sample(distribution, meter)
    assert meter.taken == {"uniform/float32": 2}
    num_draws = 20_000
    logits, scores = (tf.repeat(rows, num_draws, axis=0) for rows in (MODE_LOGITS, SCORES))
    draws = np.reshape(random.sample(replies(logits, scores), 0), [2, num_draws])
    found = np.mean(draws[..., np.newaxis] == np.arange(NUM_SYMBOLS), axis=1)
    assert_shares(found, by_hand(), num_draws)
    np.testing.assert_array_equal(distribution.sample(100, seed=(0, 1)).shape, [100, 2])


def test_eager_graph_and_xla_agree():
    blocks = {"uniform/float32": tf.constant([0.3, 0.9])}

    def everything(blocks):
        distribution = replies()
        symbol = random.sample(distribution, random.noise(blocks, random.as_seed(0)))
        return symbol, distribution.log_prob(symbol), distribution.log_probs_of([0, 2])

    assert_modes_agree(everything, blocks, atol=1e-6)


def test_the_batch_may_be_that_of_a_branch_and_known_late():
    @tf.function(input_signature=[tf.TensorSpec([1, 2]), tf.TensorSpec([None, 3])], autograph=False)
    def shape(mode_logits, branch):
        distribution = choice.Alternatives(mode_logits, [tf.zeros([1]), branch])
        return distribution.batch_shape_tensor()

    np.testing.assert_array_equal(shape(tf.zeros([1, 2]), tf.zeros([4, 3])), [4])


def test_it_is_a_part_of_joint_distributions():
    joint = tfd.JointDistributionNamed(
        {
            "symbol": replies(),
            "dwell": lambda symbol: tfd.Normal(tf.cast(symbol, tf.float32), 1.0),
        }
    )
    draw = random.sample(joint, 0)
    expected = replies().log_prob(draw["symbol"]) + tfd.Normal(
        tf.cast(draw["symbol"], tf.float32), 1.0
    ).log_prob(draw["dwell"])
    np.testing.assert_allclose(joint.log_prob(draw), expected, rtol=1e-6)
