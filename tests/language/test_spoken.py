import itertools

import numpy as np
import tensorflow as tf

from recsim_tf.choice import Alternatives
from recsim_tf.language import Grammar, Spoken

LOGITS = tf.constant([[0.2, -0.4], [1.0, 0.0], [-1.0, 2.0]])


def replies():
    answers = tf.nn.log_softmax(tf.tile([[0.3, -0.2]], [3, 1]))
    return Alternatives(LOGITS, [tf.zeros([3, 1]), answers])


def test_the_probabilities_of_all_texts_sum_to_one():
    grammar = Grammar.of_phrases({0: ["hm"], 1: ["no", "not yes"], 2: ["yes"]}, slip=0.1)
    spoken = Spoken(replies(), grammar)
    texts = itertools.product(range(grammar.num_words), repeat=grammar.max_length)
    total = sum(tf.exp(spoken.log_prob(tf.tile([text], [3, 1]))) for text in texts)
    np.testing.assert_allclose(total, 1, atol=1e-5)


def test_with_words_of_its_own_for_each_symbol_it_is_as_probable_as_the_symbol():
    grammar = Grammar.of_phrases({0: ["hm"], 1: ["no"], 2: ["yes"]}, slip=0.0)
    symbol = tf.constant([0, 2, 1])
    words = grammar.speak(symbol, 1)
    found = Spoken(replies(), grammar).log_prob(words)
    np.testing.assert_allclose(found, replies().log_prob(symbol), rtol=1e-5)
