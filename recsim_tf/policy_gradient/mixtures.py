"""Relaxed draws: weights over all values of a finite draw, instead of one value."""

import functools
from collections.abc import Callable, Iterable
from typing import NamedTuple

import tensorflow as tf
import tree
from tensorflow_probability import distributions as tfd

from recsim_tf.choice import ChoiceDistribution
from recsim_tf.core import random
from recsim_tf.core.types import Nest
from recsim_tf.policy_gradient.labels import Label, field_name
from recsim_tf.policy_gradient.plackett_luce import gumbel


class Mixture(NamedTuple):
    """A relaxed draw of one of C values for each user."""

    values: tf.Tensor  # [C, B]
    weights: tf.Tensor  # [B, C], non-negative, with sum one


@functools.singledispatch
def num_outcomes(distribution: tfd.Distribution) -> int | None:
    """C, if a draw is one of 0..C-1, and C is known; else None. Register further finite families with `num_outcomes.register`."""
    del distribution


@num_outcomes.register
def _(distribution: ChoiceDistribution):
    return distribution.slate_size + 1


@num_outcomes.register
def _(distribution: tfd.Categorical):
    return distribution.logits_parameter().shape[-1]


@num_outcomes.register
def _(distribution: tfd.Bernoulli):
    del distribution
    return 2


@num_outcomes.register
def _(distribution: tfd.Masked):
    return num_outcomes(distribution.distribution)


class RelaxedDraws:
    """Answers a simulator's stages so that what follows is differentiable.

    - Stages in `relaxed`, if they draw one of finitely many values for each user (a choice, a coin): a `Mixture` with the weights
      softmax((log-probabilities + Gumbel noise) / temperature), the Gumbel-softmax or concrete distribution (Jang et al. 2017, arXiv
      1611.01144; Maddison et al. 2017, arXiv 1611.00712).
    - Reparameterised distributions: a pathwise draw.
    - All others: a constant draw, whose log-probability is added to `log_prob`, for a score-function term.

    Args:
      seed: an integer or int32 [2].
      stages: names of all stages.
      temperature: positive, a number or a scalar.
      relaxed: names of the stages to relax.
      log_prob: [B] or a number, the log-probability of earlier draws.
    """

    def __init__(self, seed, stages: Iterable[str], temperature, relaxed: Iterable[str] = (), log_prob=0.0):
        stages = tuple(stages)
        self._seeds = dict(zip(stages, random.split_seed(seed, len(stages)), strict=True))
        self._temperature = temperature
        self._relaxed = frozenset(relaxed)
        self.log_prob = log_prob

    def __call__(self, stage: str, distribution: tfd.Distribution) -> Nest:
        seed = self._seeds[stage]
        if stage in self._relaxed and num_outcomes(distribution) is not None and distribution.batch_shape.rank == 1:
            return _relaxed(distribution, seed, self._temperature)
        draw = random.sample(distribution, seed)
        if all(kind == tfd.FULLY_REPARAMETERIZED for kind in tf.nest.flatten(distribution.reparameterization_type)):
            return draw
        draw = tf.nest.map_structure(tf.stop_gradient, draw)
        log_prob = distribution.log_prob(draw)
        self.log_prob += log_prob if isinstance(self.log_prob, float) else tf.cast(log_prob, self.log_prob.dtype)
        return draw


def _relaxed(distribution, seed, temperature) -> Mixture:
    count = num_outcomes(distribution)
    assert count is not None
    num_users = distribution.batch_shape[0]
    values = tf.tile(tf.cast(tf.range(count), distribution.dtype)[:, tf.newaxis], [1, num_users])
    random_part = distribution.distribution if isinstance(distribution, tfd.Masked) else distribution
    log_probs = tf.transpose(random_part.log_prob(values))
    noise = gumbel([num_users, count], seed, log_probs.dtype)
    weights = tf.nn.softmax((log_probs + noise) / tf.cast(temperature, log_probs.dtype))
    if isinstance(distribution, tfd.Masked):
        safe = tf.one_hot(tf.cast(distribution.safe_sample_fn(random_part), tf.int32), count, dtype=weights.dtype)
        weights = tf.where(tf.convert_to_tensor(distribution.validity_mask)[:, tf.newaxis], weights, safe)
    return Mixture(values, weights)


def apply(owner: str, function: Callable[[Nest], Nest], draw: Nest) -> Nest:
    """Applies a map to a draw; the result for a `Mixture` is the weighted mean of those for its values.

    So a map that knows nothing of relaxation meets possible values only.

    Args:
      owner: what the result is, for errors.
      function: maps a draw to a nest of [B, ...].
      draw: a draw or a `Mixture`.

    Raises:
      ValueError: if the results for a mixture's values differ in an integer or bool.
    """
    if not isinstance(draw, Mixture):
        return function(draw)

    def mean(path, *leaves):
        first = leaves[0]
        if isinstance(first, Label) or all(leaf is first for leaf in leaves):
            return first
        if not first.dtype.is_floating:
            return Label(field_name(owner, path))
        stacked = tf.stack(leaves, axis=1)
        weights = tf.reshape(draw.weights, draw.weights.shape + [1] * (stacked.shape.rank - 2))
        return tf.reduce_sum(tf.cast(weights, stacked.dtype) * stacked, axis=1)

    return tree.map_structure_with_path(mean, *[function(value) for value in tf.unstack(draw.values)])


def mix_candidates(documents: Nest, weights: tf.Tensor) -> Nest:
    """The documents of a relaxed slate: convex combinations of the candidates.

    Args:
      documents: nest of [B, N, ...].
      weights: [B, K, N].

    Returns:
      Nest of [B, K, ...], with a `Label` in the place of each integer or bool.
    """

    def mix(path, leaf):
        if not leaf.dtype.is_floating:
            return Label(field_name("documents", path))
        return tf.einsum("bkn,bn...->bk...", tf.cast(weights, leaf.dtype), leaf)

    return tree.map_structure_with_path(mix, documents)
