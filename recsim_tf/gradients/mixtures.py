# SPDX-License-Identifier: Apache-2.0
"""Relaxed draws, which are weights over all values of a finite draw, and maps of them.

A mixture has no value for integer fields. It has a `Label` instead, which models may pass on but
not read.
"""

from collections.abc import Callable
from typing import NamedTuple, NoReturn

import numpy as np
import tensorflow as tf
import tree
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.base.arguments import Count, Positive, checked
from recsim_tf.core.base.types import Nest, Seed
from recsim_tf.core.distributions import num_outcomes


class Label:
    """A placeholder for an integer or a bool in a mixture of documents or responses.

    Models may pass it on, as `outcome` does with the topic of a document. Computing with it is an
    error, since a mean of such numbers has no meaning.

    Args:
      name: the name of the field, for the error.
    """

    def __init__(self, name: str):
        self._name = name

    def refuse(self, *args, **kwargs) -> NoReturn:
        """Raises a ValueError that names the field."""
        raise ValueError(
            f"{self._name} is an integer or bool, which has no mixture over candidates or choices,"
            " but a model or the reward computes with it: to be relaxed they must read float"
            " fields instead, for example a one-hot encoding"
        )

    def __getattr__(self, name: str):
        # TensorFlow and Python look protocols up as private attributes.
        if name.startswith("_"):
            raise AttributeError(name)
        self.refuse()

    # Without these, a comparison with a number would be False.
    __eq__ = __ne__ = __getitem__ = refuse  # type: ignore[assignment]
    __hash__ = object.__hash__  # type: ignore[assignment]


tf.register_tensor_conversion_function(
    Label, lambda value, dtype=None, name=None, as_ref=False: value.refuse()
)


def _field_name(owner: str, path: tuple) -> str:
    """The name of a leaf, such as `documents.cluster_id`."""
    return ".".join([owner, *map(str, path)])


def refuse_labels(nest: Nest) -> Nest:
    """Returns the nest, and raises a ValueError if it holds a `Label`."""
    for leaf in tf.nest.flatten(nest):
        if isinstance(leaf, Label):
            leaf.refuse()
    return nest


def zeros_for_labels(nest: Nest, like: Nest) -> Nest:
    """Replaces each `Label` by zeros like `like`, since a loop carries only tensors."""
    return tf.nest.map_structure(
        lambda leaf, model: tf.zeros_like(model) if isinstance(leaf, Label) else leaf, nest, like
    )


class Mixture(NamedTuple):
    """A relaxed draw of one of C values for each user."""

    values: tf.Tensor  # [C, B]
    weights: tf.Tensor  # [B, C], non-negative, with sum one


def relaxed_sample(
    distribution: tfd.Distribution, seed: Seed, temperature: float | tf.Tensor
) -> Mixture:
    """Draws weights of all values, which are softmax((log-probabilities + Gumbel noise) /
    temperature) and differentiable.

    This is the Gumbel-softmax or concrete distribution (Jang et al. 2017, arXiv 1611.01144;
    Maddison et al. 2017, arXiv 1611.00712).

    Args:
      distribution: a distribution of batch shape [B], with known `num_outcomes`.
      seed: int32 [2].
      temperature: the temperature in the unit of log-probabilities, a positive number or scalar.
    """
    count = num_outcomes(distribution)
    assert count is not None
    num_users = distribution.batch_shape[0]
    values = tf.tile(tf.cast(tf.range(count), distribution.dtype)[:, tf.newaxis], [1, num_users])
    random_part = (
        distribution.distribution if isinstance(distribution, tfd.Masked) else distribution
    )
    log_probs = tf.transpose(random_part.log_prob(values))
    noise = random.gumbel([num_users, count], seed, log_probs.dtype)
    weights = tf.nn.softmax((log_probs + noise) / tf.cast(temperature, log_probs.dtype))
    if isinstance(distribution, tfd.Masked):
        safe = tf.cast(distribution.safe_sample_fn(random_part), distribution.dtype)
        mask = tf.convert_to_tensor(distribution.validity_mask)[:, tf.newaxis]
        weights = tf.where(mask, weights, tf.cast(tf.transpose(values == safe), weights.dtype))
    return Mixture(values, weights)


def apply(owner: str, function: Callable[[Nest], Nest], draw: Nest) -> Nest:
    """Applies a map to a draw. The result for a `Mixture` is the weighted mean of the results for
    its values, so the map itself only meets possible values.

    Args:
      owner: the name of the result, for errors.
      function: maps a draw to a nest of [B, ...].
      draw: a draw or a `Mixture`.

    Returns:
      Nest of [B, ...], with a `Label` in the place of each integer or bool that may differ between
      values.
    """
    if not isinstance(draw, Mixture):
        return function(draw)

    def mean(path: tuple, *leaves):
        first = leaves[0]
        if isinstance(first, Label) or all(leaf is first for leaf in leaves):
            return first
        if not first.dtype.is_floating:
            return Label(_field_name(owner, path))
        stacked = tf.stack(leaves, axis=1)
        weights = tf.reshape(draw.weights, draw.weights.shape + [1] * (stacked.shape.rank - 2))
        return tf.reduce_sum(tf.cast(weights, stacked.dtype) * stacked, axis=1)

    return tree.map_structure_with_path(
        mean, *[function(value) for value in tf.unstack(draw.values)]
    )


@checked
def relaxed_top_k(
    keys: tf.Tensor,
    slate_size: Count,
    temperature: Positive,
) -> tf.Tensor:
    """The K largest keys in order, relaxed by successive softmax (Xie and Ermon 2019, arXiv
    1901.10517, section 4). With `PlackettLuce.keys` of a seed it is a relaxed draw of a slate.

    Position k has the weights a_k = softmax(keys_k / temperature), and keys_{k+1} = keys_k + log(1
    - a_k). As the temperature goes to zero the weights become one-hot.

    Args:
      keys: float [B, N]; a key of -inf has weight zero.
      slate_size: K.
      temperature: positive, a number or a scalar.

    Raises:
      ValueError: for a number out of range.

    Returns:
      Weights [B, K, N] of every candidate at each position. The weights of a position sum to one.
      The weights of a candidate may sum to more than one at high temperatures.
    """
    temperature = tf.cast(temperature, keys.dtype)
    positions = [tf.nn.softmax(keys / temperature)]
    for _ in range(slate_size - 1):
        keys += _log_complement(positions[-1])
        positions.append(tf.nn.softmax(keys / temperature))
    return tf.stack(positions, axis=1)


def _log_complement(weights: tf.Tensor):
    """Computes log(1 - weights) for weights [B, N] that sum to one."""
    # Where a weight a is close to one, 1 - a has no digits left and its gradient cancels to noise.
    # So the complement of the largest weight is computed as the sum of the other weights.
    largest = tf.one_hot(tf.argmax(weights, axis=-1), weights.shape[-1], True, False, dtype=tf.bool)
    others = tf.where(largest, tf.zeros([], weights.dtype), weights)
    rest = tf.where(largest, tf.reduce_sum(others, axis=-1, keepdims=True), 1 - weights)
    return tf.math.log(tf.maximum(rest, np.finfo(weights.dtype.as_numpy_dtype).tiny))


def mix_candidates(documents: Nest, weights: tf.Tensor) -> Nest:
    """The documents of a relaxed slate, which are convex combinations of the candidates.

    Args:
      documents: nest of [B, N, ...].
      weights: [B, K, N].

    Returns:
      Nest of [B, K, ...], with a `Label` in the place of each integer or bool.
    """

    def mix(path: tuple, leaf: tf.Tensor):
        if not leaf.dtype.is_floating:
            return Label(_field_name("documents", path))
        return tf.einsum("bkn,bn...->bk...", tf.cast(weights, leaf.dtype), leaf)

    return tree.map_structure_with_path(mix, documents)
