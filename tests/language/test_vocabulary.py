import numpy as np
import pytest

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


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], r"words must be a list of words, got \[\]"),
        ("yes", "words must be a list of words, got 'yes'"),
        (["yes", "No"], r"words\[1\] must be one word in lower case without punctuation, got 'No'"),
        (["not really"], r"words\[0\] must be one word"),
        (["yes", "no", "yes"], "words must differ, got 'yes' twice"),
    ],
)
def test_what_are_no_words(words, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary(words, 3)


def test_a_vocabulary_needs_a_word():
    with pytest.raises(ValueError, match="texts must use a word min_uses=2 times, got none"):
        Vocabulary.of_texts(["yes", "no"], 3, min_uses=2)
