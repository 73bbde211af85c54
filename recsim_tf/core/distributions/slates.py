# SPDX-License-Identifier: Apache-2.0
"""Distributions of ordered slates beside Plackett-Luce: uniform, certain, and mixtures."""

import math
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.types import Seed
from recsim_tf.core.distributions.custom import ShapedDistribution
from recsim_tf.core.distributions.mixtures import logsumexp
from recsim_tf.core.distributions.plackett_luce_slates import PlackettLuce
from recsim_tf.core.random.paired import Shape


@runtime_checkable
class SlateDistribution(Protocol):
    """A distribution of slates int32 [..., K]. It may also have `marginals` [..., K, N] and
    `set_log_prob(slate)` [...], as `PlackettLuce` has.
    """

    def prefix_log_probs(self, slate: tf.Tensor) -> tf.Tensor:
        """The log-probability of the slate up to each position, [..., K]."""


class UniformSlates(PlackettLuce):
    """Slates of K of N candidates without replacement, all equally likely. It is Plackett-Luce with
    equal logits, drawn without a sort.

    Args:
      num_candidates: N.
      slate_size: K, in [1, N].
      batch_shape: a shape, or a tensor that holds a shape.
    """

    def __init__(self, num_candidates: int, slate_size: int, batch_shape: Shape = ()):
        shape = tf.concat([batch_shape, [num_candidates]], axis=0)
        super().__init__(tf.zeros(tf.cast(shape, tf.int32)), slate_size)

    def _draw(self, shape: Shape, seed: Seed):
        numbers = random.uniform(tf.concat([shape, [self.slate_size]], axis=0), seed)
        return _slate_of(numbers, self.logits.shape[-1])

    def prefix_log_probs(self, slate: tf.Tensor) -> tf.Tensor:
        """The log-probability up to each position, [..., K]: -log of the number of slates."""
        log_probs = -tf.cumsum(tf.math.log(_num_left(self.logits.shape[-1], slate)))
        # The result has a row for each row of the logits, also for a single slate.
        log_probs += tf.zeros_like(self.logits[..., :1])
        return tf.where(self._possible(slate), log_probs, -math.inf)

    def marginals(self) -> tf.Tensor:
        """The probability of each candidate at each position, [..., K, N], which is 1 / N."""
        return tf.ones_like(self.logits)[..., tf.newaxis, :] * tf.fill(
            [self.slate_size, 1], 1 / self.logits.shape[-1]
        )

    def set_log_prob(self, slate: tf.Tensor) -> tf.Tensor:
        """The log-probability of the candidates in any order, [...]: -log of the number of sets."""
        return self.log_prob(slate) + math.lgamma(self.slate_size + 1)


class CertainSlates(ShapedDistribution):
    """A slate with probability 1.

    Args:
      slate: int32 [..., K].
      num_candidates: N.
    """

    def __init__(self, slate: tf.Tensor, num_candidates: int):
        parameters = dict(locals())
        self.slate = slate
        self.num_candidates = num_candidates
        super().__init__(tf.int32, parameters, batch=slate, num_inner=1)

    def _event_shape(self):
        return self.slate.shape[-1:]

    def _mode(self):
        return self.slate

    def _draw(self, shape: Shape, seed: Seed):
        return tf.broadcast_to(self.slate, tf.concat([shape, self.slate.shape[-1:]], axis=0))

    def _log_prob(self, value: tf.Tensor):
        return self.prefix_log_probs(value)[..., -1]

    def prefix_log_probs(self, slate: tf.Tensor) -> tf.Tensor:
        """The log-probability of a slate int32 [..., K] up to each position, [..., K]: 0 where it
        agrees with the certain slate so far, else -inf.
        """
        differs = tf.cumsum(tf.cast(slate != self.slate, tf.int32), axis=-1)
        return _log_of(differs == 0)

    def marginals(self) -> tf.Tensor:
        """The probability of each candidate at each position, [..., K, N], which is 0 or 1."""
        return tf.one_hot(self.slate, self.num_candidates)

    def set_log_prob(self, slate: tf.Tensor) -> tf.Tensor:
        """The log-probability of the candidates in any order, [...]: 0 where a slate int32 [..., K]
        has the same candidates, else -inf.
        """
        same = tf.sort(slate, axis=-1) == tf.sort(self.slate, axis=-1)
        return _log_of(tf.reduce_all(same, axis=-1))


class SlateMixture(ShapedDistribution):
    """Slates of one of several distributions. Its probabilities are weighted means over them.

    Args:
      probs: float [..., C], the weights of the distributions; its outer axes may be missing.
      components: C distributions of this module, of the same batch and event shape.
    """

    def __init__(self, probs: tf.Tensor, components: Sequence[Any]):
        parameters = dict(locals())
        self.probs = tf.convert_to_tensor(probs)
        self.components = list(components)
        super().__init__(tf.int32, parameters, batch=self.components[0])

    def _event_shape(self):
        return self.components[0].event_shape

    def _draw(self, shape: Shape, seed: Seed):
        which_seed, *seeds = random.split_seed(seed, 1 + len(self.components))
        u = random.uniform(shape, which_seed, self.probs.dtype)
        which = random.categorical_from_uniform(u, self.probs)[..., tf.newaxis]
        slate = self.components[0]._draw(shape, seeds[0])
        for index, component in enumerate(self.components[1:], start=1):
            slate = tf.where(which == index, component._draw(shape, seeds[index]), slate)
        return slate

    def _log_prob(self, value: tf.Tensor):
        return self.prefix_log_probs(value)[..., -1]

    def prefix_log_probs(self, slate: tf.Tensor) -> tf.Tensor:
        """The log-probability of a slate int32 [..., K] up to each position, [..., K]."""
        parts = [component.prefix_log_probs(slate) for component in self.components]
        return logsumexp(tf.stack(parts, axis=-1) + self._log_probs()[..., tf.newaxis, :])

    def marginals(self) -> tf.Tensor:
        """The probability that each position shows each candidate, [..., K, N]."""
        parts = [component.marginals() for component in self.components]
        probs = self.probs[..., tf.newaxis, tf.newaxis, :]
        return tf.reduce_sum(tf.stack(parts, axis=-1) * probs, axis=-1)

    def set_log_prob(self, slate: tf.Tensor) -> tf.Tensor:
        """The log-probability of the candidates of a slate int32 [..., K] in any order, [...]."""
        parts = [component.set_log_prob(slate) for component in self.components]
        return logsumexp(tf.stack(parts, axis=-1) + self._log_probs())

    def _log_probs(self) -> tf.Tensor:
        return tf.math.log(self.probs)


def _log_of(condition: tf.Tensor) -> tf.Tensor:
    """The logarithm of a condition, float32: 0 where it is true, else -inf."""
    return tf.where(condition, 0.0, -math.inf)


def _slate_of(numbers: tf.Tensor, num_candidates: int) -> tf.Tensor:
    """Maps K uniforms in [0, 1) to a slate int32 [..., K] of N candidates.

    Position k gets a rank among the candidates that are left, uniform in [0, num_candidates - k).
    The loop goes back through the earlier ranks and adds 1 for each that is not above it. The
    result is a position among all candidates (a Lehmer code). It takes K random numbers and no
    sort, whatever the number of candidates.
    """
    ranks = tf.unstack(tf.cast(numbers * _num_left(num_candidates, numbers), tf.int32), axis=-1)
    slate: list[tf.Tensor] = []
    for k, position in enumerate(ranks):
        for rank in reversed(ranks[:k]):
            position += tf.cast(position >= rank, tf.int32)
        slate.append(position)
    return tf.stack(slate, axis=-1)


def _num_left(num_candidates: int, slate: tf.Tensor) -> tf.Tensor:
    """The number of candidates left at each position of a slate [..., K], float32 [K]."""
    return tf.range(num_candidates, num_candidates - slate.shape[-1], -1, dtype=tf.float32)
