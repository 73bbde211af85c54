"""Channels: how users put replies into words, and what words say of the reply."""

import abc
import dataclasses

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.parameters import Model
from recsim_tf.language.vocabulary import Vocabulary


class Channel(Model, abc.ABC):
    """Puts a reply, one of R symbols, into words, and knows how probable words are given each
    symbol.

        words = channel.speak(symbol, seed)  # int32 [B, L]
        channel.evidence(words)  # [B, R], log p(words | symbol)

    Words depend on the user through the symbol alone. So an agent learns no more from the words
    than from the symbol, and simulated users cannot give away what they have not said.

    Words are numbers: 0 is no word and pads a text to L words. `text` makes sentences of them.

    Args:
      dtype: tf.float32 or tf.float64, of evidence.
    """

    dtype: tf.DType = dataclasses.field(default=tf.float32, kw_only=True)

    @property
    @abc.abstractmethod
    def num_symbols(self) -> int:
        """R."""

    @property
    @abc.abstractmethod
    def num_words(self) -> int:
        """V; words are in [0, V)."""

    @property
    @abc.abstractmethod
    def max_length(self) -> int:
        """L."""

    @abc.abstractmethod
    def speak(self, symbol: tf.Tensor, seed: random.Seed) -> tf.Tensor:
        """The words of symbols, int32 [..., L].

        Args:
          symbol: int32 [...], in [0, R).
          seed: an integer, int32 [2] or `Noise`.
        """

    @abc.abstractmethod
    def evidence(self, words: tf.Tensor) -> tf.Tensor:
        """The log-probability of words given each symbol, [..., R]; -inf where a symbol is never
        put into these words.

        Args:
          words: int32 [..., L].
        """

    @abc.abstractmethod
    def text(self, words: np.ndarray) -> np.ndarray:
        """The sentences of words int [..., L], an array [...] of Python strings."""


class VocabularyChannel(Channel):
    """A channel of the words of a vocabulary.

    Args:
      vocabulary: of V words, and texts of L words.
    """

    vocabulary: Vocabulary

    def check(self):
        if not isinstance(self.vocabulary, Vocabulary):
            raise ValueError(f"vocabulary must be a Vocabulary, got {self.vocabulary!r}")

    @property
    def num_words(self):
        return self.vocabulary.size

    @property
    def max_length(self):
        return self.vocabulary.max_length

    def text(self, words: np.ndarray):
        return self.vocabulary.texts(words)
