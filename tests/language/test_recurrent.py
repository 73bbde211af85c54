import itertools

import numpy as np
import tensorflow as tf

from recsim_tf.core.execution import compiled
from recsim_tf.language import Recurrent, Vocabulary

VOCABULARY = Vocabulary(["no", "yes", "really"], max_length=2)
FEATURES = np.eye(2, dtype=np.float32)


def test_the_probabilities_of_all_texts_sum_to_one_and_nothing_follows_the_end():
    channel = Recurrent(VOCABULARY, FEATURES, num_units=4, seed=1)
    texts = tf.constant(list(itertools.product(range(5), repeat=2)), tf.int32)
    evidence = channel.evidence(texts)
    np.testing.assert_allclose(tf.reduce_sum(tf.exp(evidence), axis=0), 1, atol=1e-5)
    assert (evidence.numpy()[1:5] == -np.inf).all()  # a word after none


def test_words_are_spoken_as_often_as_their_evidence_says_in_all_modes():
    channel = Recurrent(VOCABULARY, FEATURES, num_units=4, seed=1)
    texts = tf.constant(list(itertools.product(range(5), repeat=2)), tf.int32)
    expected = np.exp(channel.evidence(texts)).T
    symbol = tf.repeat(tf.constant([0, 1]), 4000)
    for jit_compile in (False, True):
        words = compiled(channel.speak, jit_compile=jit_compile)(symbol, tf.constant([0, 1]))
        numbers = words.numpy() @ [5, 1]
        for own in (0, 1):
            counts = np.bincount(numbers[symbol.numpy() == own], minlength=25)
            error = np.sqrt(4000 * expected[own] * (1 - expected[own]))
            assert (np.abs(counts - 4000 * expected[own]) <= 4.5 * error + 1).all()


def test_a_trained_channel_tells_its_symbols_apart_and_comes_back_from_its_weights():
    texts = ["no", "no really", "yes", "yes really"] * 20
    channel = Recurrent.of_texts(
        [0, 0, 1, 1] * 20, texts, FEATURES, VOCABULARY, num_units=8, learning_rate=0.02, dropout=0.0
    )
    words = VOCABULARY.ids(["no", "yes really"])
    evidence = channel.evidence(words).numpy()
    assert evidence[0, 0] > evidence[0, 1] + 1
    assert evidence[1, 1] > evidence[1, 0] + 1
    again = Recurrent(VOCABULARY, FEATURES, num_units=8, weights=channel.weights)
    np.testing.assert_array_equal(again.evidence(words), evidence)
    assert list(channel.parameters()) == ["weights"]
