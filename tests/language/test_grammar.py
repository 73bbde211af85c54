import itertools

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.core.execution import compiled
from recsim_tf.language import Grammar, Vocabulary

PHRASES = {0: ["no", "not really"], 1: ["yes", "really", "yes really"]}


def every_text(channel):
    lengths = itertools.product(range(channel.num_words), repeat=channel.max_length)
    return tf.constant(list(lengths), tf.int32)


@pytest.mark.parametrize("slip", [0.0, 0.1])
def test_the_probabilities_of_all_texts_sum_to_one(slip):
    grammar = Grammar.of_phrases(PHRASES, slip=slip)
    total = tf.reduce_sum(tf.exp(grammar.evidence(every_text(grammar))), axis=0)
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_evidence_is_the_mixture_by_hand():
    grammar = Grammar.of_phrases(PHRASES, slip=0.3)
    words = grammar.vocabulary.ids(["not really"])
    size = grammar.num_words
    hit, miss = 0.7 + 0.3 / size, 0.3 / size
    # Templates of symbol 0: "no" and "not really"; of symbol 1 only "yes really" has "really" last.
    of_no = 0.5 * miss * miss + 0.5 * hit * hit
    of_yes = (miss * miss + miss * miss + miss * hit) / 3
    np.testing.assert_allclose(grammar.evidence(words), np.log([[of_no, of_yes]]), rtol=1e-5)


def test_without_slips_other_texts_are_impossible_and_gradients_stay_finite():
    grammar = Grammar.of_phrases(PHRASES, slip=0.0)
    words = grammar.vocabulary.ids(["no", "yes yes"])
    logits = tf.Variable(grammar.word_logits)
    with tf.GradientTape() as tape:
        evidence = grammar.with_parameters({"word_logits": logits}).evidence(words)
        total = tf.reduce_sum(tf.where(evidence > -float("inf"), evidence, 0))
    np.testing.assert_allclose(evidence, [[np.log(0.5), -np.inf], [-np.inf, -np.inf]], rtol=1e-5)
    assert np.isfinite(tf.convert_to_tensor(tape.gradient(total, logits))).all()


def test_words_are_spoken_as_often_as_their_evidence_says_in_all_modes():
    grammar = Grammar.of_phrases(PHRASES, slip=0.2)
    symbol = tf.repeat(tf.constant([0, 1]), 4000)
    texts = every_text(grammar)
    expected = np.exp(grammar.evidence(texts)).T  # [R, texts]
    weights = grammar.num_words ** np.arange(grammar.max_length - 1, -1, -1)
    for jit_compile in (False, True):
        words = compiled(grammar.speak, jit_compile=jit_compile)(symbol, tf.constant([0, 1]))
        numbers = words.numpy() @ weights
        for own in (0, 1):
            counts = np.bincount(numbers[symbol.numpy() == own], minlength=len(texts))
            error = np.sqrt(4000 * expected[own] * (1 - expected[own]))
            assert (np.abs(counts - 4000 * expected[own]) <= 4.5 * error + 1).all()


def test_a_bag_of_words_classifies_as_naive_bayes_does():
    vocabulary = Vocabulary(["good", "bad", "film"], max_length=4)
    texts = ["good film", "good good", "bad film", "bad"]
    grammar = Grammar.of_texts([0, 0, 1, 1], texts, 2, vocabulary, smoothing=1.0)
    np.testing.assert_allclose(np.exp(grammar.word_logits).sum(axis=-1), 1, rtol=1e-6)
    evidence = grammar.evidence(vocabulary.ids(["good film film", "bad"]))
    # Counts with one more of each of three words: of 7 and of 6.
    first = np.log((4 / 7) * (2 / 7) ** 2) - np.log((1 / 6) * (2 / 6) ** 2)
    second = np.log(1 / 7) - np.log(3 / 6)
    np.testing.assert_allclose(evidence[:, 0] - evidence[:, 1], [first, second], rtol=1e-5)
    unknown = grammar.evidence(vocabulary.ids(["well well"])).numpy()
    np.testing.assert_allclose(unknown[0, 0], unknown[0, 1], rtol=1e-6)


def test_a_text_of_two_symbols_counts_in_parts():
    vocabulary = Vocabulary(["good", "bad"], max_length=2)
    grammar = Grammar.of_texts(
        [0, 0, 1], ["good", "bad", "bad"], 2, vocabulary, smoothing=1.0, weights=[1, 0.5, 0.5]
    )
    evidence = grammar.evidence(vocabulary.ids(["good", "bad"])).numpy()
    expected = np.log([(2 / 3.5) / (1 / 2.5), (1.5 / 3.5) / (1.5 / 2.5)])
    np.testing.assert_allclose(evidence[:, 0] - evidence[:, 1], expected, rtol=1e-5)
