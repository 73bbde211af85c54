"""Sums of probabilities over what is not known."""

from typing import Any

import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random

_MIXTURE: Any = random.class_of_family(tfd.MixtureSameFamily)


class Mixture(_MIXTURE):
    """A `tfd.MixtureSameFamily` of components over all reals, such as normals.

    TensorFlow Probability knows no bijector to the support of a mixture. With this one a draw can
    be latent, in posteriors of what a log lacks.

    Args:
      mixture_distribution: a `tfd.Categorical` of batch shape [B].
      components_distribution: of batch shape [B, C]; its draws may be any reals.
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
        # Without its own, TensorFlow Probability warns that those of the base may not fit.
        return super()._parameter_properties(dtype, num_classes)

    def _default_event_space_bijector(self):
        return tfb.Identity()


def gaussian_mixture(num_rows: int, loc: tf.Tensor, scale: tf.Tensor, logits: Any) -> Mixture:
    """Draws [num_rows, F], each from one of C normal distributions.

    The normal that a row was drawn from is not part of the draw: its probability is summed over
    all. A draw can be latent in fits.

    Args:
      num_rows: B, the batch shape.
      loc: [C, F] or [B, C, F], the means.
      scale: the standard deviations, of a shape that broadcasts to that of `loc`.
      logits: [C] or [B, C], of the probability of each; a number for equally likely ones.
    """
    shape = [num_rows, *loc.shape[-2:]]
    loc, scale = tf.broadcast_to(loc, shape), tf.broadcast_to(scale, shape)
    categories = tfd.Categorical(logits=tf.broadcast_to(tf.cast(logits, loc.dtype), shape[:2]))
    return Mixture(categories, tfd.Independent(tfd.Normal(loc, scale), 1))


def logsumexp(values: tf.Tensor) -> tf.Tensor:
    """As `tf.reduce_logsumexp` over the last axis, with gradient zero where all values are -inf.

    Args:
      values: log-probabilities [..., N].

    Returns:
      [...]; -inf where none is possible.
    """
    possible = tf.reduce_any(values > -float("inf"), axis=-1)
    safe = tf.where(possible[..., tf.newaxis], values, tf.zeros([], values.dtype))
    return tf.where(possible, tf.reduce_logsumexp(safe, axis=-1), -float("inf"))
