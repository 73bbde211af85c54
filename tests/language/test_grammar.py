import numpy as np
import tensorflow as tf

from recsim_tf.language import Grammar, Vocabulary

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
