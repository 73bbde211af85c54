# SPDX-License-Identifier: Apache-2.0
"""Conversion of words to numbers, and of numbers to words."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.arguments import Count, checked, configurable

# The punctuation of ASCII except the question mark.
_PUNCTUATION = r"[!-/:->@\[-`{-~]"


@configurable
class Vocabulary:
    """The words of a channel. Number 0 stands for no word and pads a text, 1 for an unknown word,
    and 2, 3, ... for the words in their order.

        vocabulary = Vocabulary(["yes", "no", "not", "really"], max_length=3)
        vocabulary.ids(["Not really!", "nope"])  # [[4, 5, 0], [1, 0, 0]]
        vocabulary.texts([[4, 5, 0]])  # ["not really"]

    Texts are converted to lower case and split at white space, by
    `tf.keras.layers.TextVectorization`. Question marks are words, since a question is a different
    reply from its answer. Other punctuation is left out.

    The `size` V is the number of words plus 2, for the numbers 0 and 1.

    Args:
      words: different words in lower case without punctuation; "?" is a word.
      max_length: largest number of words of a text L. The rest of a longer text is ignored.

    Raises:
      ValueError: for no words, for an invalid or repeated word, or max_length out of range.
    """

    def __init__(self, words: Sequence[str], max_length: Count):
        if not len(words):
            raise ValueError("words must be a list of words, got none")
        for index, word in enumerate(words):
            if split_words([word]) != [[word]]:
                raise ValueError(
                    f"words[{index}] must be one word in lower case without punctuation, got"
                    f" {word!r}"
                )
        if len(set(words)) != len(words):
            raise ValueError(
                f"words must differ, got {Counter(words).most_common(1)[0][0]!r} twice"
            )
        self.words = tuple(words)
        self.max_length = max_length
        self.size = len(words) + 2
        with tf.init_scope():
            self._vectorize = tf.keras.layers.TextVectorization(
                standardize=_standard, output_sequence_length=max_length, vocabulary=list(words)
            )
            self._look_up = tf.keras.layers.StringLookup(
                vocabulary=list(words), mask_token="", invert=True
            )

    def __repr__(self) -> str:
        return f"Vocabulary({list(self.words)!r}, max_length={self.max_length})"

    @classmethod
    @checked
    def of_texts(cls, texts: Sequence[str], max_length: int, min_uses: Count = 1) -> Self:
        """The vocabulary of texts, the most frequent words first.

        Args:
          texts: the texts.
          max_length: largest number of words of a text L.
          min_uses: number of uses below which a word is unknown.

        Raises:
          ValueError: if no word has `min_uses` uses, or an argument is out of range.
        """
        uses = Counter(word for words in split_words(texts) for word in words)
        kept = sorted(word for word, count in uses.items() if count >= min_uses)
        if not kept:
            raise ValueError(f"texts must use a word min_uses={min_uses} times, got none")
        return cls(sorted(kept, key=lambda word: -uses[word]), max_length)

    def ids(self, texts: Any) -> tf.Tensor:
        """The words of texts, which are strings [...], int32 [..., L]."""
        texts = tf.convert_to_tensor(texts, tf.string)
        flat = tf.cast(self._vectorize(tf.reshape(texts, [-1])), tf.int32)
        return tf.reshape(flat, tf.concat([tf.shape(texts), [self.max_length]], axis=0))

    def texts(self, words: Any) -> np.ndarray:
        """The texts of numbers of words int32 [..., L] as Python strings, an array [...]."""
        texts = self._look_up(tf.cast(words, tf.int64))
        joined = tf.strings.strip(tf.strings.reduce_join(texts, axis=-1, separator=" "))
        # Missing words leave several spaces, which are joined.
        joined = tf.strings.regex_replace(joined, " +", " ")
        joined = tf.strings.regex_replace(joined, r" \?", "?").numpy()
        return np.vectorize(bytes.decode, otypes=[object])(joined)


def _standard(texts: tf.Tensor) -> tf.Tensor:
    """Texts in lower case, with question marks as words and without other punctuation."""
    lower = tf.strings.regex_replace(tf.strings.lower(texts, "utf-8"), "['\u2019]", "")
    words = tf.strings.regex_replace(lower, _PUNCTUATION, " ")
    return tf.strings.regex_replace(words, r"\?[\s?]*", " ? ")


def split_words(texts: Sequence[str]) -> list[list[str]]:
    """The words of texts, by the rules of `Vocabulary`."""
    # Vocabularies may be made while a graph is traced.
    with tf.init_scope():
        words = tf.strings.split(_standard(tf.constant(list(texts), tf.string))).to_list()
    return [[word.decode() for word in text] for text in words]
