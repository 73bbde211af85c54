"""What channels of every kind do: what they say is as probable as they claim."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.core.execution import compiled
from recsim_tf.language import Grammar, Recurrent
from tests.language.test_grammar import PHRASES
from tests.language.test_recurrent import FEATURES, VOCABULARY

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
