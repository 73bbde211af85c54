# SPDX-License-Identifier: Apache-2.0
"""Several independent distributions as one."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.base.types import Nest, Seed
from recsim_tf.core.distributions.custom import CustomDistribution
from recsim_tf.core.distributions.plackett_luce_slates import PlackettLuce


class IndependentParts(CustomDistribution):
    """A nest of independent draws, such as a slate and the parts of a query.

    An event is a nest of the structure of `parts`. The log-probability is the sum over the parts.

    Args:
      parts: nest of distributions, all of the same batch shape.
    """

    def __init__(self, parts: Nest):
        parameters = dict(locals())
        self.parts = parts
        self._leaves: list[tfd.Distribution] = tf.nest.flatten(parts)
        dtypes = self._mapped(lambda part: part.dtype)
        super().__init__(dtypes, parameters, batch=self._leaves[0])

    def _mapped(self, function: Callable) -> Nest:
        return tf.nest.map_structure(function, self.parts)

    def _event_shape(self):
        return self._mapped(lambda part: part.event_shape)

    def _event_shape_tensor(self):
        return self._mapped(lambda part: part.event_shape_tensor())

    def _mode(self):
        return self._mapped(lambda part: part.mode())

    def _entropy(self):
        return tf.add_n([part.entropy() for part in self._leaves])

    def log_prob_and_entropy(self, value: Nest) -> tuple[tf.Tensor, tf.Tensor]:
        """The log-probability of a draw and the entropy, both [...]. The entropy of a
        `PlackettLuce` is estimated at its part of the draw; see
        `PlackettLuce.log_prob_and_entropy`.
        """
        pairs = [
            part.log_prob_and_entropy(leaf)
            if isinstance(part, PlackettLuce)
            else (part.log_prob(leaf), part.entropy())
            for part, leaf in zip(self._leaves, tf.nest.flatten(value), strict=True)
        ]
        log_probs, entropies = zip(*pairs, strict=True)
        return tf.add_n(log_probs), tf.add_n(entropies)

    def _log_prob(self, value: tf.Tensor):
        leaves = tf.nest.flatten(value)
        return tf.add_n(
            [part.log_prob(leaf) for part, leaf in zip(self._leaves, leaves, strict=True)]
        )

    def _sample_n(self, n: int | tf.Tensor, seed: Seed | None = None):
        seeds = tfp.random.split_seed(seed, len(self._leaves))
        pairs = zip(self._leaves, seeds, strict=True)
        draws = [part.sample(n, seed=part_seed) for part, part_seed in pairs]
        return tf.nest.pack_sequence_as(self.parts, draws)


def parts_of(distribution: tfd.Distribution) -> Nest:
    """The nest of distributions that TF-Agents takes for an action: the parts of independent parts,
    and any other distribution itself.
    """
    return distribution.parts if isinstance(distribution, IndependentParts) else distribution


class Shifted(CustomDistribution):
    """Integers of a distribution plus a constant, such as categories that do not begin at zero.

    Args:
      distribution: a distribution of integers.
      low: the constant, an integer or an array of integers.
    """

    def __init__(self, distribution: tfd.Distribution, low: int | np.ndarray):
        parameters = dict(locals())
        self.distribution = distribution
        self.low = low
        super().__init__(distribution.dtype, parameters, batch=distribution)

    def _event_shape(self):
        return self.distribution.event_shape

    def _event_shape_tensor(self):
        return self.distribution.event_shape_tensor()

    def _mode(self):
        return self.distribution.mode() + self.low

    def _entropy(self):
        return self.distribution.entropy()

    def _log_prob(self, value: tf.Tensor):
        return self.distribution.log_prob(value - self.low)

    def _sample_n(self, n: int | tf.Tensor, seed: Seed | None = None):
        return self.distribution.sample(n, seed=seed) + self.low


@random.sample.register
def _(distribution: IndependentParts, seed: Seed):
    leaves = tf.nest.flatten(distribution.parts)
    seeds = random.split_seed(seed, len(leaves))
    pairs = zip(leaves, seeds, strict=True)
    draws = [random.sample(part, part_seed) for part, part_seed in pairs]
    return tf.nest.pack_sequence_as(distribution.parts, draws)


@random.sample.register
def _(distribution: Shifted, seed: Seed):
    return random.sample(distribution.distribution, seed) + distribution.low
