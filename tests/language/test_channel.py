# SPDX-License-Identifier: Apache-2.0
"""Channels, and their words: what they say is as probable as they claim."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.core.runs.execution import compiled
from recsim_tf.language import Grammar, Recurrent, Vocabulary

PHRASES = {0: ["no", "not really"], 1: ["yes", "really", "yes really"]}
VOCABULARY = Vocabulary(["no", "yes", "really"], max_length=2)
FEATURES = np.eye(2, dtype=np.float32)
CHANNELS = {
    "phrases": Grammar.of_phrases(PHRASES, slip=0.0),
    "phrases with slips": Grammar.of_phrases(PHRASES, slip=0.2),
    "recurrent": Recurrent(VOCABULARY, FEATURES, num_units=4, seed=1),
}


def every_text(channel):
    texts = itertools.product(range(channel.num_words), repeat=channel.max_length)
    return tf.constant(list(texts), tf.int32)


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=CHANNELS)
def test_the_probabilities_of_all_texts_sum_to_one(channel):
    total = tf.reduce_sum(tf.exp(channel.evidence(every_text(channel))), axis=0)
    np.testing.assert_allclose(total, 1, atol=1e-5)


def test_after_the_end_of_a_text_no_word_follows():
    texts = tf.constant([[0, word] for word in range(1, 5)])
    assert (CHANNELS["recurrent"].evidence(texts).numpy() == -np.inf).all()


@pytest.mark.parametrize("name", ["phrases with slips", "recurrent"])
def test_words_are_spoken_as_often_as_their_evidence_says_in_all_modes(name):
    channel = CHANNELS[name]
    symbol = tf.repeat(tf.constant([0, 1]), 4000)
    expected = np.exp(channel.evidence(every_text(channel))).T  # [R, texts]
    weights = channel.num_words ** np.arange(channel.max_length - 1, -1, -1)
    for jit_compile in (False, True):
        words = compiled(channel.speak, jit_compile=jit_compile)(symbol, tf.constant([0, 1]))
        numbers = words.numpy() @ weights
        for own, probs in enumerate(expected):
            counts = np.bincount(numbers[symbol.numpy() == own], minlength=len(probs))
            error = np.sqrt(4000 * probs * (1 - probs))
            assert (np.abs(counts - 4000 * probs) <= 4.5 * error + 1).all()


def test_a_question_differs_from_its_answer_in_the_words_of_the_phrases():
    grammar = Grammar.of_phrases({0: ["really?"], 1: ["really"]}, slip=0.0)
    assert grammar.max_length == 2
    evidence = grammar.evidence(grammar.vocabulary.ids(["really?", "really"]))
    np.testing.assert_allclose(tf.exp(evidence), np.eye(2), atol=1e-6)


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


@pytest.mark.slow
def test_a_trained_channel_tells_its_symbols_apart_and_comes_back_from_its_weights():
    texts = ["no", "no really", "yes", "yes really"] * 20
    channel = Recurrent(VOCABULARY, FEATURES, num_units=8).trained(
        [0, 0, 1, 1] * 20, VOCABULARY.ids(texts), learning_rate=0.02, dropout=0.0
    )
    words = VOCABULARY.ids(["no", "yes really"])
    evidence = channel.evidence(words).numpy()
    assert evidence[0, 0] > evidence[0, 1] + 1
    assert evidence[1, 1] > evidence[1, 0] + 1
    again = Recurrent(VOCABULARY, FEATURES, num_units=8, weights=channel.weights)
    np.testing.assert_array_equal(again.evidence(words), evidence)
    assert list(channel.parameters()) == ["weights"]


def test_words_are_numbers_and_numbers_are_texts():
    vocabulary = Vocabulary(["yes", "no", "not", "really"], max_length=3)
    ids = vocabulary.ids([["Not really!", "NOPE"], ["", "yes no not really"]])
    np.testing.assert_array_equal(ids, [[[4, 5, 0], [1, 0, 0]], [[0, 0, 0], [2, 3, 4]]])
    texts = vocabulary.texts(ids.numpy())
    np.testing.assert_array_equal(texts, [["not really", "[UNK]"], ["", "yes no not"]])
    assert vocabulary.size == 6
    assert str(vocabulary.texts([3, 0, 2])) == "no yes"


def test_a_question_mark_is_a_word():
    vocabulary = Vocabulary.of_texts(["Seen it?? [really]?"], 4)
    assert vocabulary.words == ("?", "it", "really", "seen")
    ids = vocabulary.ids(["seen it? ?", "it@seen"])
    np.testing.assert_array_equal(ids, [[5, 3, 2, 0], [3, 5, 0, 0]])
    assert list(vocabulary.texts(ids.numpy())) == ["seen it?", "it seen"]


def test_words_of_texts_come_by_use_and_then_by_name():
    texts = ["Don't know, don't care", "know Amélie"]
    assert Vocabulary.of_texts(texts, 4).words == ("dont", "know", "amélie", "care")
    assert Vocabulary.of_texts(texts, 4, min_uses=2).words == ("dont", "know")
