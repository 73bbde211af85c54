# SPDX-License-Identifier: Apache-2.0
"""Channels, which put replies of users into words, and give the evidence of words for replies."""

import abc
import dataclasses

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.parameters import Model
from recsim_tf.language.vocabulary import Vocabulary


class Channel(Model, abc.ABC):
    """Puts a reply, one of R symbols, into words, and gives the probability of words given each
    symbol.

        words = channel.speak(symbol, seed)  # int32 [B, L]
        channel.evidence(words)  # [B, R], log p(words | symbol)

    Words depend on the user through the symbol alone. So words contain no more information about
    the user than the symbol.

    Words are numbers: 0 is no word and pads a text to L words. `text` converts them to sentences.

    Args:
      dtype: dtype of evidence, tf.float32 or tf.float64.
    """

    dtype: tf.DType = dataclasses.field(default=tf.float32, kw_only=True)

    @property
    @abc.abstractmethod
    def num_symbols(self) -> int:
        """The number of symbols, R."""

    @property
    @abc.abstractmethod
    def num_words(self) -> int:
        """The number of words, V. Words are in [0, V)."""

    @property
    @abc.abstractmethod
    def max_length(self) -> int:
        """The number of words of a text, L."""

    @abc.abstractmethod
    def speak(self, symbol: tf.Tensor, seed: random.Seed) -> tf.Tensor:
        """The words int32 [..., L] of symbols int32 [...] in [0, R). The seed is an integer, int32
        [2] or `Noise`.
        """

    @abc.abstractmethod
    def evidence(self, words: tf.Tensor) -> tf.Tensor:
        """The log-probability of words int32 [..., L] given each symbol, [..., R]. It is -inf for a
        symbol that never has these words.
        """

    @abc.abstractmethod
    def text(self, words: np.ndarray) -> np.ndarray:
        """The sentences of words int [..., L], an array [...] of Python strings."""


class VocabularyChannel(Channel):
    """A channel with the words of a vocabulary.

    Args:
      vocabulary: a vocabulary with V words, and texts of L words.
    """

    vocabulary: Vocabulary

    @property
    def num_words(self):
        return self.vocabulary.size

    @property
    def max_length(self):
        return self.vocabulary.max_length

    def text(self, words: np.ndarray):
        return self.vocabulary.texts(words)
