import numpy as np

from recsim_tf.language import Vocabulary


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
