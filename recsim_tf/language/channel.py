"""Channels: how users put replies into words, and what words say of the reply."""

import abc
import dataclasses

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from recsim_tf.choice import Alternatives
from recsim_tf.core import random
from recsim_tf.core.distributions.base import CustomDistribution
from recsim_tf.core.parameters import Model
from recsim_tf.language.vocabulary import Vocabulary


class Channel(Model, abc.ABC):
    """Puts a reply, one of R symbols, into words, and knows how probable words are given each
    symbol.

        words = channel.speak(symbol, seed)  # int32 [B, L]
        channel.evidence(words)  # [B, R], log p(words | symbol)

    Words depend on the user through the symbol alone. So they tell an agent nothing that the symbol
    does not tell, and a simulated user cannot give away what they have not said.

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

    def text(self, words):
        return self.vocabulary.texts(words)


class Spoken(CustomDistribution):
    """The words of a reply, whatever its symbol is:

        log p(words) = log of the sum over symbols of p(symbol) * p(words | symbol).

    So logs of raw text are scored and fitted: no one needs to label them.

        Spoken(alternatives, channel).log_prob(words)  # [B]

    Batch shape is that of the symbol; the event is int32 [L].

    Args:
      symbol: the distribution of the symbol.
      channel: puts it into words.

    Raises:
      ValueError: if they differ in their number of symbols.
    """

    def __init__(self, symbol: Alternatives, channel: Channel, name: str = "Spoken"):
        parameters = dict(locals())
        if symbol.alphabet.num_symbols != channel.num_symbols:
            raise ValueError(
                f"channel must have the {symbol.alphabet.num_symbols} symbols of the replies, got"
                f" {channel.num_symbols}"
            )
        self.symbol, self.channel = symbol, channel
        super().__init__(tf.int32, parameters, name)

    def _batch_shape(self):
        return self.symbol.batch_shape

    def _batch_shape_tensor(self):
        return self.symbol.batch_shape_tensor()

    def _event_shape(self):
        return tf.TensorShape([self.channel.max_length])

    def _log_prob(self, value):
        return self.symbol.log_likelihood(self.channel.evidence(value))

    def _sample_n(self, n, seed=None):
        symbol_seed, word_seed = tfp.random.split_seed(seed, 2)
        return self.channel.speak(self.symbol.sample(n, symbol_seed), word_seed)


@random.sample.register
def _(distribution: Spoken, seed):
    symbol_seed, word_seed = random.split_seed(seed, 2)
    return distribution.channel.speak(random.sample(distribution.symbol, symbol_seed), word_seed)
