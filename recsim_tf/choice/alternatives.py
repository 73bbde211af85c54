# SPDX-License-Identifier: Apache-2.0
"""Replies of several kinds as one draw: a mode, such as "chooses" or "answers", and its value."""

import itertools
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from recsim_tf.choice.base import as_scores
from recsim_tf.core import random
from recsim_tf.core.base.arguments import Count, checked
from recsim_tf.core.base.types import Seed
from recsim_tf.core.distributions import logsumexp, num_outcomes
from recsim_tf.core.distributions.custom import ShapedDistribution
from recsim_tf.core.random.paired import Shape


class Alphabet:
    """The symbols 0..R-1 of the values of M modes. The values of mode 0 come first, then the values
    of mode 1, and so on.

        replies = Alphabet([1, 3])  # nothing; no, yes, don't know
        replies.symbol(1, 2)  # 3
        replies.split(tf.constant([0, 3]))  # ([0, 1], [0, 2])

    Attributes:
      sizes: n_m, the number of values of each mode.
      offsets: the first symbol of each mode.
      num_symbols: R, the sum of the sizes.

    Args:
      sizes: n_m, Python ints of at least 1.

    Raises:
      ValueError: if there is no mode, or a size is no integer of at least 1.
    """

    @checked
    def __init__(self, sizes: Sequence[Count]):
        if not len(sizes):
            raise ValueError("sizes must have one number for each mode, got no mode")
        self.sizes = tuple(int(size) for size in sizes)
        *offsets, self.num_symbols = itertools.accumulate(self.sizes, initial=0)
        self.offsets = tuple(offsets)

    def symbol(self, mode: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
        """The symbol int32 [...] of a value in [0, n_m) of a mode in [0, M), both int32 [...]."""
        return tf.gather(tf.constant(self.offsets), mode) + value

    def split(self, symbol: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The mode and the value, both int32 [...], of symbols [...] in [0, R)."""
        symbol = tf.convert_to_tensor(symbol)
        begun = symbol[..., tf.newaxis] >= tf.constant(self.offsets[1:], symbol.dtype)
        mode = tf.reduce_sum(tf.cast(begun, tf.int32), axis=-1)
        return mode, tf.cast(symbol, tf.int32) - tf.gather(tf.constant(self.offsets), mode)


class Alternatives(ShapedDistribution):
    """A distribution over the symbols of an `Alphabet`. A mode is drawn by its logit, then a value
    by the branch of the mode:

        log p(symbol) = log_softmax(mode_logits)[mode] + branches[mode][value].

    A mode whose logit is -inf is impossible, and so is a value whose log-probability is -inf. Their
    symbols have log-probability -inf, with gradient zero. Other values in the branch of an
    impossible mode have no effect.

        Alternatives(
            mode_logits,  # [B, 2]
            [choice_model(scores, slate.mask), tf.math.log_sigmoid(answers)],  # [B, K+1], [B, 3]
        )

    The outer axes of mode_logits and branches broadcast to the batch shape [...]. An event is a
    scalar int32. A draw takes one uniform.

    Attributes:
      alphabet: the `Alphabet` of the symbols.

    Args:
      mode_logits: float [..., M].
      branches: M branches. A branch is float [..., n_m], the log-probabilities of the values of a
        mode, whose probabilities sum to one; or a distribution with such `log_probs`, as choice
        models give.

    Raises:
      ValueError: if the number of branches is not M, or a branch has the wrong dtype or no axis of
        values of known length.
    """

    def __init__(self, mode_logits: tf.Tensor, branches: Sequence):
        parameters = dict(locals())
        self._mode_logits = as_scores("mode_logits", mode_logits)
        self._branches = [
            as_scores(f"branches[{index}]", getattr(branch, "log_probs", branch))
            for index, branch in enumerate(branches)
        ]
        if len(self._branches) != self._mode_logits.shape[-1]:
            raise ValueError(
                f"branches must be one for each of the {self._mode_logits.shape[-1]} mode_logits,"
                f" got {len(self._branches)}"
            )
        for index, branch in enumerate(self._branches):
            if branch.dtype != self._mode_logits.dtype:
                raise ValueError(
                    f"branches[{index}] must have the dtype of mode_logits,"
                    f" {self._mode_logits.dtype.name}, got {branch.dtype.name}"
                )
        self.alphabet = Alphabet([branch.shape[-1] for branch in self._branches])
        super().__init__(tf.int32, parameters)

    @property
    def log_probs(self) -> tf.Tensor:
        """The log-probabilities of all symbols, float [..., R]."""
        return self.log_probs_of(range(len(self.alphabet.sizes)))

    def log_probs_of(self, modes: Sequence[int]) -> tf.Tensor:
        """The log-probabilities of the symbols of some modes, Python ints in [0, M), in their
        order, float [..., sum of n_m]. Other branches are not computed.
        """
        shape = self._batch_shape_tensor()
        possible = self._mode_logits > -float("inf")
        of_modes = tf.nn.log_softmax(self._finite_logits(possible))
        parts = []
        # A run of modes of one value is one part, since XLA takes twice as long for a concatenation
        # of more than eight parts.
        for is_alone, run in itertools.groupby(modes, lambda mode: self.alphabet.sizes[mode] == 1):
            numbers = list(run)
            if is_alone and numbers == list(range(numbers[0], numbers[-1] + 1)):
                run_of_modes = slice(numbers[0], numbers[-1] + 1)
                log_probs = tf.where(possible, of_modes, -float("inf"))[..., run_of_modes]
                full = tf.concat([shape, [len(numbers)]], axis=0)
                parts.append(tf.broadcast_to(log_probs, full))
            else:
                parts += [self._symbols(mode, possible, of_modes, shape) for mode in numbers]
        return tf.concat(parts, axis=-1)

    def _finite_logits(self, possible: tf.Tensor):
        """The logits of modes with a finite number for -inf, since a softmax of -inf is NaN."""
        lowest = tf.constant(self._mode_logits.dtype.min / 2, self._mode_logits.dtype)
        return tf.where(possible, self._mode_logits, lowest)

    def _symbols(self, mode: tf.Tensor, possible: tf.Tensor, of_modes: tf.Tensor, shape: Any):
        branch = self._branches[mode]
        possible = possible[..., mode, tf.newaxis] & (branch > -float("inf"))
        # Impossible values must not reach a gradient.
        value = tf.where(possible, branch, tf.zeros([], branch.dtype))
        log_probs = tf.where(possible, of_modes[..., mode, tf.newaxis] + value, -float("inf"))
        return tf.broadcast_to(log_probs, tf.concat([shape, [self.alphabet.sizes[mode]]], axis=0))

    def log_likelihood(self, evidence: tf.Tensor) -> tf.Tensor:
        """The log-probability of an observed reply whose symbol is unknown, float [...]: logsumexp
        over symbols of `log_probs` + evidence. It is -inf, with gradient zero, where no symbol
        explains the observation.

        Args:
          evidence: float [..., R], the log-probability of the observation given each symbol. It is
            0 for an observed symbol and -inf for all others, or the log-probability of the words
            that were heard.
        """
        return logsumexp(self.log_probs + evidence)

    def _batch_shape(self):
        shape = self._mode_logits.shape[:-1]
        for branch in self._branches:
            shape = tf.broadcast_static_shape(shape, branch.shape[:-1])
        return shape

    def _batch_shape_tensor(self):
        static = self._batch_shape()
        if static.is_fully_defined():
            return tf.constant(static.as_list(), tf.int32)
        shape = tf.shape(self._mode_logits)[:-1]
        for branch in self._branches:
            shape = tf.broadcast_dynamic_shape(shape, tf.shape(branch)[:-1])
        return shape

    def _log_prob(self, value: tf.Tensor):
        # This gathers, since XLA computes a concatenation anew for each term of a sum over it.
        log_probs = self.log_probs
        last = self.alphabet.num_symbols - 1
        if value.shape != log_probs.shape[:-1]:
            shape = tf.broadcast_dynamic_shape(tf.shape(value), tf.shape(log_probs)[:-1])
            value = tf.broadcast_to(value, shape)
            log_probs = tf.broadcast_to(log_probs, tf.concat([shape, [last + 1]], axis=0))
        nearest = tf.clip_by_value(value, 0, last)
        log_prob = tf.gather(log_probs, nearest, batch_dims=value.shape.rank)
        return tf.where(value == nearest, log_prob, -float("inf"))

    def _mode(self):
        return tf.argmax(self.log_probs, axis=-1, output_type=tf.int32)

    def _entropy(self):
        log_probs = self.log_probs
        possible = log_probs > -float("inf")
        return -tf.reduce_sum(tf.exp(log_probs) * tf.where(possible, log_probs, 0), axis=-1)

    def _draw(self, shape: Shape, seed: Seed):
        possible = self._mode_logits > -float("inf")
        mode_probs = tf.nn.softmax(self._finite_logits(possible))
        mode_probs = tf.where(possible, mode_probs, tf.zeros([], mode_probs.dtype))
        u = random.uniform(shape, seed, mode_probs.dtype)
        # Sums over the values of a mode are short; sums over all symbols would take most time.
        mode, rest = random.category_and_rest(u, mode_probs)
        value = tf.zeros_like(mode)
        for number, branch in enumerate(self._branches):
            if self.alphabet.sizes[number] > 1:
                drawn = random.categorical_from_uniform(rest, tf.exp(branch))
                value = tf.where(mode == number, drawn, value)
        return self.alphabet.symbol(mode, value)


@num_outcomes.register
def _(distribution: Alternatives):
    return distribution.alphabet.num_symbols
