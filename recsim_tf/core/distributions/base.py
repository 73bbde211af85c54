"""The base of the distributions that are written here."""

from typing import Any

import tensorflow as tf
from tensorflow_probability import distributions as tfd


class CustomDistribution(tfd.Distribution):
    """Sets the arguments of `tfd.Distribution` that are the same for all of them.

    Args:
      dtype: of a draw.
      parameters: the arguments of the constructor by name.
      name: of the distribution.
      reparameterization_type: of the draws.
      validate_args: whether arguments are checked.
    """

    def __init__(
        self,
        dtype: tf.DType,
        parameters: dict[str, Any],
        name: str,
        reparameterization_type: Any = tfd.NOT_REPARAMETERIZED,
        validate_args: bool = False,
    ):
        super().__init__(
            dtype=dtype,
            reparameterization_type=reparameterization_type,
            validate_args=validate_args,
            allow_nan_stats=False,
            parameters=parameters,
            name=name,
        )

    def _event_shape(self):
        # By default a draw is a number. TensorFlow Probability asks for shapes as tensors only
        # where it does not know the static ones.
        return tf.TensorShape([])

    @classmethod
    def _parameter_properties(cls, dtype: tf.DType, num_classes: int | None = None):
        return {}
