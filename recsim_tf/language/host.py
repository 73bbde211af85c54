# SPDX-License-Identifier: Apache-2.0
"""A channel made of Python callables, such as a language model or a classifier."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.arguments import Count
from recsim_tf.core.runs.execution import is_for_xla
from recsim_tf.language.channel import Channel


class HostLanguageModel(Channel):
    """A channel that speaks and hears by two callables, such as a large language model or a
    classifier of intents. They run in Python on the host.

        def verbalise(reply):  # {"mode": "critique", "attribute": "funny", "more": True}
            return model.generate(f"Say as a customer: {reply}")

        def score(text, replies):  # log p(text | reply) of each, up to a constant
            return [model.log_prob(text, given=f"Say as a customer: {reply}") for reply in replies]

        channel = HostLanguageModel(
            verbalise, score, conversation.described_replies(slate_size=3, attribute_names=names)
        )

    A classifier of replies has p(reply | text), and its `score` is log p(reply | text) - log
    p(reply). Words are the bytes of the text in UTF-8, so that no word is unknown.

    The callables run once for each user and turn, one after the other, on any device of the graph.
    They work in eager and graph mode. Under XLA, and in exported policies, they cannot run. They
    have no gradient, and do not use the seed: the same seed gives the same words only if the
    callables are deterministic.

    Args:
      verbalise: a function that puts the description of a symbol into a text.
      score: a function that returns the log-probabilities of a text given the R descriptions, a
        list of R numbers.
      replies: the descriptions of the R symbols, such as dicts.
      max_length: largest number of bytes of a text L. The rest of a longer text is ignored.

    Raises:
      ValueError: for arguments that are not callable, or no replies; when words are spoken or
        heard, for results of another kind, and inside a function that XLA compiles.
    """

    verbalise: Callable[[Any], str]
    score: Callable[[str, Sequence[Any]], Sequence[float]]
    replies: Sequence[Any]
    max_length: Count = 200

    def check(self):
        if isinstance(self.replies, str) or not len(self.replies):
            raise ValueError(f"replies must describe each symbol, got {self.replies!r}")

    @property
    def num_symbols(self):
        return len(self.replies)

    @property
    def num_words(self):
        return 256

    def speak(self, symbol: tf.Tensor, seed: random.Seed):
        shape = [*symbol.shape, self.max_length]
        return tf.ensure_shape(self._on_host(self._spoken, symbol, tf.int32), shape)

    def evidence(self, words: tf.Tensor):
        shape = [*words.shape[:-1], self.num_symbols]
        return tf.ensure_shape(self._on_host(self._heard, words, self.dtype), shape)

    def text(self, words: np.ndarray):
        words = np.asarray(words)
        texts = [_decoded(row) for row in words.reshape([-1, words.shape[-1]])]
        return np.array(texts, object).reshape(words.shape[:-1])

    def _on_host(
        self, function: Callable[[np.ndarray], np.ndarray], tensor: tf.Tensor, dtype: tf.DType
    ):
        if is_for_xla():
            raise ValueError(
                "HostLanguageModel runs in Python and cannot be compiled by XLA: leave jit_compile"
                " False"
            )
        return tf.numpy_function(function, [tensor], dtype)

    def _spoken(self, symbols: np.ndarray) -> np.ndarray:
        words = np.zeros([*symbols.shape, self.max_length], np.int32)
        for index in np.ndindex(symbols.shape):
            text = self.verbalise(self.replies[int(symbols[index])])
            if not isinstance(text, str):
                raise ValueError(f"verbalise must return a string, got {text!r}")
            encoded = text.encode()[: self.max_length]
            words[index][: len(encoded)] = np.frombuffer(encoded, np.uint8)
        return words

    def _heard(self, words: np.ndarray) -> np.ndarray:
        evidence = np.zeros([*words.shape[:-1], self.num_symbols], self.dtype.as_numpy_dtype)
        for index in np.ndindex(words.shape[:-1]):
            # Silence is equally likely for all symbols.
            if words[index].any():
                scores = np.asarray(self.score(_decoded(words[index]), self.replies), np.float64)
                if scores.shape != (self.num_symbols,) or np.isnan(scores).any():
                    raise ValueError(
                        f"score must return {self.num_symbols} numbers, one for each reply, got"
                        f" {scores.tolist()}"
                    )
                evidence[index] = scores
        return evidence


def _decoded(words: np.ndarray) -> str:
    return bytes(words[words > 0].astype(np.uint8)).decode(errors="ignore")
