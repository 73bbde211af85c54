# SPDX-License-Identifier: Apache-2.0
"""The base classes of the distributions in this package."""

import abc
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.base.types import Seed
from recsim_tf.core.random.paired import Shape
from recsim_tf.core.random.quantiles import batch_shape


class CustomDistribution(tfd.Distribution):
    """A distribution that sets the arguments of `tfd.Distribution` that all subclasses share.

    A subclass has a method `_sample_n`, and is registered for `random.sample`.

    Args:
      dtype: the dtype of a draw.
      parameters: the arguments of the constructor by name.
      validate_args: whether arguments are checked.
      batch: the source of the batch shape: a tensor that begins with the batch axes, a distribution
        of the same batch shape, or the shape; None where a subclass has `_batch_shape`.
      num_inner: the number of axes of the tensor after the batch axes.
    """

    def __init__(
        self,
        dtype: tf.DType,
        parameters: dict[str, Any],
        validate_args: bool = False,
        *,
        batch: tf.Tensor | tfd.Distribution | Sequence[int] | None = None,
        num_inner: int = 0,
    ):
        self._batch, self._num_inner = batch, num_inner
        super().__init__(
            dtype=dtype,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=validate_args,
            allow_nan_stats=False,
            parameters=parameters,
            name=type(self).__name__.lstrip("_"),
        )

    def _batch_shape(self):
        if isinstance(self._batch, tfd.Distribution):
            return self._batch.batch_shape
        if not tf.is_tensor(self._batch):
            return tf.TensorShape(self._batch)
        return self._batch.shape[: self._batch.shape.rank - self._num_inner]

    def _batch_shape_tensor(self):
        static = self._batch_shape()
        if static.is_fully_defined():
            return tf.constant(static.as_list(), tf.int32)
        if isinstance(self._batch, tfd.Distribution):
            return self._batch.batch_shape_tensor()
        return tf.shape(self._batch)[: static.rank]

    def _event_shape(self):
        # By default a draw is a number. TensorFlow Probability asks for shapes as tensors only
        # where static shapes are unknown.
        return tf.TensorShape([])

    @classmethod
    def _parameter_properties(cls, dtype: tf.DType, num_classes: int | None = None):
        return {}


class ShapedDistribution(CustomDistribution):
    """A distribution that draws in a given shape from a seed. A subclass has a method `_draw`."""

    def _sample_n(self, n: int | tf.Tensor, seed: Seed | None = None):
        shape = tf.concat([[n], self._batch_shape_tensor()], axis=0)
        return self._draw(shape, tfp.random.sanitize_seed(seed))

    @abc.abstractmethod
    def _draw(self, shape: Shape, seed: Seed):
        """Draws of this shape, which is the batch shape, with or without more axes in front."""


@random.sample.register
def _(distribution: ShapedDistribution, seed: Seed):
    return distribution._draw(batch_shape(distribution), seed)
