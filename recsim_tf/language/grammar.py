# SPDX-License-Identifier: Apache-2.0
"""A grammar of templates, in which a word is drawn at each position."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import Count, checked
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.ranges import Range
from recsim_tf.core.distributions import logsumexp
from recsim_tf.language.channel import VocabularyChannel
from recsim_tf.language.vocabulary import Vocabulary, split_words


class Grammar(VocabularyChannel):
    """A mixture of templates. A template is a product of categorical distributions of the words at
    each position:

        p(words | symbol) = sum over m of softmax(template_logits[symbol])[m]
            * product over l of softmax(word_logits[symbol, m, l])[words[l]].

    The probability is exact, and differentiable in both tables. `of_phrases` makes the tables from
    phrases:

        vocabulary = Vocabulary(["yes", "no", "not", "really"], max_length=2)
        grammar = Grammar.of_phrases({0: ["no", "not really"], 1: ["yes"]}, vocabulary)

    Args:
      vocabulary: a vocabulary with V words, and texts of L words.
      num_symbols: number of symbols R.
      template_logits: logits of the templates of each symbol, [R, M]; -inf for a missing template.
        None for one template of each symbol.
      word_logits: logits of the words at each position, [R, M, L, V], -inf for an impossible word;
        or [R, M, 1, V], the same at all positions. None for equally likely words, from which a fit
        can start.

    Raises:
      ValueError: for tables of other sizes, or a row of -inf alone.
    """

    num_symbols: Count = 1
    template_logits: Any = parameter(
        rank=2, low=-float("inf"), drawn=lambda grammar: np.zeros([grammar.num_symbols, 1])
    )
    word_logits: Any = parameter(
        rank=4,
        low=-float("inf"),
        drawn=lambda grammar: np.zeros([*np.shape(grammar.template_logits), 1, grammar.num_words]),
    )

    def check(self):
        super().check()
        sizes = validation.table_shape("template_logits", self.template_logits)
        if sizes.rank != 2 or sizes[0] != self.num_symbols:
            raise ValueError(
                f"template_logits must have shape [num_symbols={self.num_symbols}, M], got {sizes}"
            )
        shape = validation.table_shape("word_logits", self.word_logits)
        wanted = [*sizes, self.max_length, self.num_words]
        if shape != wanted and shape != [*sizes, 1, self.num_words]:
            raise ValueError(f"word_logits must have shape {wanted}, got {shape}")
        for name in ("template_logits", "word_logits"):
            validation.check_logits(name, self._value(name))

    @classmethod
    @checked
    def of_phrases(
        cls,
        phrases: Mapping[int, Sequence[str]],
        vocabulary: Vocabulary | None = None,
        slip: Annotated[float, Range(low=0, below=1)] = 0.01,
        dtype: tf.DType = tf.float32,
    ) -> Self:
        """The grammar of equally likely phrases. A phrase of several symbols is ambiguous.

        Args:
          phrases: texts of each symbol in [0, R).
          vocabulary: the vocabulary; by default it has all words of the phrases.
          slip: the probability that a word is replaced by a random word, in [0, 1). Without slips,
            texts other than the phrases are impossible.
          dtype: dtype of the tables.

        Raises:
          ValueError: for a symbol without phrases, or a slip out of range.
        """
        is_complete = set(phrases) == set(range(len(phrases))) and all(phrases.values())
        if not phrases or not is_complete:
            raise ValueError(
                "phrases must have a list of phrases for each symbol 0, 1, ..., got the symbols"
                f" {', '.join(map(str, phrases)) or 'none'}"
            )
        if vocabulary is None:
            texts = [phrase for alternatives in phrases.values() for phrase in alternatives]
            vocabulary = Vocabulary.of_texts(texts, max(map(len, split_words(texts))))
        num_templates = max(map(len, phrases.values()))
        templates = np.zeros([len(phrases), num_templates])
        words = np.zeros([len(phrases), num_templates, vocabulary.max_length], np.int64)
        for symbol, alternatives in phrases.items():
            templates[symbol, : len(alternatives)] = 1 / len(alternatives)
            words[symbol, : len(alternatives)] = vocabulary.ids(list(alternatives)).numpy()
        chosen = np.eye(vocabulary.size)[words]
        probs = (1 - slip) * chosen + slip / vocabulary.size
        with np.errstate(divide="ignore"):
            tables = [np.log(table).astype(dtype.as_numpy_dtype) for table in (templates, probs)]
        return cls(vocabulary, len(phrases), *tables, dtype=dtype)

    def speak(self, symbol: tf.Tensor, seed: random.Seed):
        template_seed, word_seed = random.split_seed(seed, 2)
        templates = tf.nn.softmax(tf.gather(self._table("template_logits"), symbol))
        u = random.uniform(_shape(symbol), template_seed, self.dtype)
        template = random.categorical_from_uniform(u, templates)
        logits = tf.gather_nd(self._table("word_logits"), tf.stack([symbol, template], axis=-1))
        u = random.uniform([*_shape(symbol), self.max_length], word_seed, self.dtype)
        return random.categorical_from_uniform(u, tf.nn.softmax(logits))

    def evidence(self, words: tf.Tensor):
        log_templates = tf.nn.log_softmax(self._table("template_logits"))
        num_symbols, num_templates = log_templates.shape
        by_word = tf.transpose(tf.nn.log_softmax(self._table("word_logits")), [2, 3, 0, 1])
        by_word = tf.reshape(by_word, [*by_word.shape[:2], num_symbols * num_templates])
        total = tf.reshape(log_templates, [-1])
        for position in range(self.max_length):
            table = by_word[min(position, by_word.shape[0] - 1)]
            total += tf.gather(table, words[..., position])
        total = tf.reshape(total, [*_shape(words)[:-1], num_symbols, num_templates])
        return logsumexp(total)

    def _table(self, name: str) -> tf.Tensor:
        return tf.cast(tf.convert_to_tensor(self._value(name)), self.dtype)


def _shape(tensor: tf.Tensor) -> list:
    """The shape of a tensor, with integers for static sizes and scalar tensors for others."""
    static = tensor.shape.as_list()
    dynamic = tf.shape(tensor)
    return [dynamic[axis] if size is None else size for axis, size in enumerate(static)]
