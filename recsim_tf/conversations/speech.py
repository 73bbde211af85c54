# SPDX-License-Identifier: Apache-2.0
"""Distributions of replies in words."""

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from recsim_tf.choice import Alternatives
from recsim_tf.conversations.acts import Mode
from recsim_tf.conversations.types import UNKNOWN, Reply, Utterance
from recsim_tf.core import nests, random
from recsim_tf.core.distributions.custom import CustomDistribution
from recsim_tf.core.random.quantiles import batch_shape
from recsim_tf.language import Channel


class SpokenReply(CustomDistribution):
    """The distribution of a reply, of the dwell time on the chosen item, and of the reply's words.

    An event is an `Utterance`. Its unknown parts are summed out.

    Args:
      symbol: the distribution [B] of the symbol of the reply.
      dwell_loc: the mean of the log of the dwell time on each item, [B, K].
      dwell_scale: the standard deviation of the log of the dwell time, [B].
      channel: the channel that puts symbols into words.
    """

    def __init__(
        self, symbol: Alternatives, dwell_loc: tf.Tensor, dwell_scale: tf.Tensor, channel: Channel
    ):
        parameters = dict(locals())
        self.symbol, self.channel = symbol, channel
        self._loc, self._scale = dwell_loc, dwell_scale
        dtypes = Utterance(Reply(tf.int32, tf.int32), dwell_loc.dtype, tf.int32)
        super().__init__(dtypes, parameters, batch=symbol)

    def evidence(self, value: Utterance) -> tf.Tensor:
        """The log-probability of the known parts of an utterance [...], given each symbol, [...,
        R]. Its words may be replaced by their evidence, [..., R].
        """
        words = value.words
        if not words.dtype.is_floating:
            words = self.channel.evidence(words)
        symbols = tf.range(self.channel.num_symbols)
        modes, _ = self.symbol.alphabet.split(symbols)
        agrees = _agree(value.reply.symbol, symbols) & _agree(value.reply.mode, modes)
        impossible = tf.constant(-float("inf"), self._loc.dtype)
        reply = tf.where(agrees, tf.zeros_like(impossible), impossible)
        return reply + self._dwell_evidence(value.dwell) + tf.cast(words, self._loc.dtype)

    def most_probable(self, value: Utterance) -> tf.Tensor:
        """The most probable symbol given an utterance, int32 [...]."""
        joint = self.symbol.log_probs + self.evidence(value)
        return tf.argmax(joint, axis=-1, output_type=tf.int32)

    def _dwell_evidence(self, dwell: tf.Tensor):
        dwell = dwell[..., tf.newaxis]
        impossible = tf.constant(-float("inf"), dwell.dtype)
        zero = tf.zeros_like(impossible)
        # Without a choice the dwell time is 0.
        without_choice = tf.where(dwell > 0, impossible, zero)
        # Unused values are replaced, so that they do not reach a gradient.
        seconds = tf.where(dwell > 0, dwell, tf.ones_like(dwell))
        density = tfd.LogNormal(self._loc, self._scale[..., tf.newaxis]).log_prob(seconds)
        with_choice = tf.where(dwell > 0, density, tf.where(dwell < 0, zero, impossible))
        first, num_items = self.symbol.alphabet.offsets[Mode.CHOOSE], self._loc.shape[-1]
        before = tf.repeat(without_choice, first, axis=-1)
        after = tf.repeat(without_choice, self.channel.num_symbols - first - num_items, axis=-1)
        return tf.concat([before, with_choice, after], axis=-1)

    def _event_shape(self):
        number, words = tf.TensorShape([]), tf.TensorShape([self.channel.max_length])
        return Utterance(Reply(number, number), number, words)

    def _log_prob(self, value: Utterance):
        return self.symbol.log_likelihood(self.evidence(value))

    def _sample_n(self, n: int, seed: Any = None):
        shape = tf.concat([[n], self._batch_shape_tensor()], axis=0)
        symbol_seed, seed = tfp.random.split_seed(seed, 2)
        return self._spoken(self.symbol.sample(n, symbol_seed), shape, seed)

    def _spoken(self, symbol: tf.Tensor, shape: tf.Tensor, seed: random.Seed):
        dwell_seed, word_seed = random.split_seed(seed, 2)
        mode, position = self.symbol.alphabet.split(symbol)
        num_items = self._loc.shape[-1]
        chosen = tf.one_hot(
            tf.where(mode == Mode.CHOOSE, position, -1), num_items, dtype=self._loc.dtype
        )
        noise = random.normal(shape, dwell_seed, self._loc.dtype)
        seconds = tf.exp(tf.reduce_sum(chosen * self._loc, axis=-1) + self._scale * noise)
        dwell = seconds * tf.reduce_sum(chosen, axis=-1)
        return Utterance(Reply(mode, symbol), dwell, self.channel.speak(symbol, word_seed))


def _agree(logged: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    """True where numbers [R] equal logged ones [...], or these are unknown, bool [..., R]."""
    logged = logged[..., tf.newaxis]
    return (logged == numbers) | (logged == UNKNOWN)


def words_of(draw: Utterance, channel: Channel) -> tf.Tensor:
    """The words of an utterance, int32 [B, L], or no words if their evidence replaces them."""
    if draw.words.dtype.is_floating:
        return tf.zeros([nests.num_rows(draw.words), channel.max_length], tf.int32)
    return draw.words


@random.sample.register
def _(distribution: SpokenReply, seed: random.Seed):
    symbol_seed, seed = random.split_seed(seed, 2)
    symbol = random.sample(distribution.symbol, symbol_seed)
    return distribution._spoken(symbol, batch_shape(distribution), seed)
