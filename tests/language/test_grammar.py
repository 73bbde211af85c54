import numpy as np
import tensorflow as tf

from recsim_tf.language import Grammar

PHRASES = {0: ["no", "not really"], 1: ["yes", "really", "yes really"]}


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
