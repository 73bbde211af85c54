# SPDX-License-Identifier: Apache-2.0
"""Mixtures, whose probabilities are sums over unknown components."""

from typing import Any

import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random

_MIXTURE: Any = random.class_of_family(tfd.MixtureSameFamily)


class Mixture(_MIXTURE):
    """A `tfd.MixtureSameFamily` of components over all reals, such as normals.

    TensorFlow Probability has no bijector to the support of a mixture. This class has the identity,
    so that a draw can be latent, in posteriors of missing values of a log.

    Args:
      mixture_distribution: a `tfd.Categorical` of batch shape [B].
      components_distribution: a distribution of batch shape [B, C], whose draws may be any reals.
    """

    def __init__(
        self,
        mixture_distribution: tfd.Distribution,
        components_distribution: tfd.Distribution,
        name: str = "Mixture",
    ):
        parameters = dict(locals())
        super().__init__(mixture_distribution, components_distribution, name=name)
        self._parameters = self._no_dependency(parameters)

    @classmethod
    def _parameter_properties(cls, dtype: tf.DType, num_classes: int | None = None):
        # TensorFlow Probability warns if a class does not have this method itself.
        return super()._parameter_properties(dtype, num_classes)

    def _default_event_space_bijector(self):
        return tfb.Identity()


def gaussian_mixture(num_rows: int, loc: tf.Tensor, scale: tf.Tensor, logits: Any) -> Mixture:
    """Draws [num_rows, F], each from one of C normal distributions.

    The component of a row is not part of the draw, so the probability of a draw is a sum over all
    components. A draw can be latent in fits.

    Args:
      num_rows: B, the batch shape.
      loc: [C, F] or [B, C, F], the means.
      scale: the standard deviations, of a shape that broadcasts to the shape of `loc`.
      logits: [C] or [B, C], the logits of the components; a number for equally likely components.
    """
    shape = [num_rows, *loc.shape[-2:]]
    loc, scale = tf.broadcast_to(loc, shape), tf.broadcast_to(scale, shape)
    categories = tfd.Categorical(logits=tf.broadcast_to(tf.cast(logits, loc.dtype), shape[:2]))
    return Mixture(categories, tfd.Independent(tfd.Normal(loc, scale), 1))


def logsumexp(values: tf.Tensor) -> tf.Tensor:
    """The logarithm of the sum of exponentials over the last axis. Unlike `tf.reduce_logsumexp` it
    has gradient zero where all values are -inf.

    Args:
      values: log-probabilities [..., N].

    Returns:
      [...], -inf where all values are -inf.
    """
    possible = tf.reduce_any(values > -float("inf"), axis=-1)
    safe = tf.where(possible[..., tf.newaxis], values, tf.zeros([], values.dtype))
    return tf.where(possible, tf.reduce_logsumexp(safe, axis=-1), -float("inf"))
