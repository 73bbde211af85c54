# SPDX-License-Identifier: Apache-2.0
"""Values over the reals: as one vector, and behind bijectors to their supports."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from recsim_tf.core.base.types import Nest


def check_continuous(name: str, distribution: tfd.Distribution) -> None:
    """Raises a ValueError with the name of what is drawn if it is discrete."""
    if not all(dtype.is_floating for dtype in tf.nest.flatten(distribution.dtype)):
        raise ValueError(
            f"latent {name} must be continuous, got {distribution.name}: for discrete ones use"
            " Classes(), Draws() or Particles() in fit"
        )


def bijector_to(name: str, distribution: tfd.Distribution) -> tfb.Bijector:
    """The bijector from the reals to the support of a distribution. Raises a ValueError with the
    name of what is drawn if it is discrete, or TFP knows none.
    """
    check_continuous(name, distribution)
    bijector = distribution.experimental_default_event_space_bijector()
    if bijector is None:
        raise ValueError(
            f"latent {name} must have a support that TFP has a bijector to, got {distribution.name}"
        )
    return bijector


def unpack(flat: tf.Tensor | np.ndarray, specs: Nest) -> Nest:
    """Vectors [..., P] of the elements of leaves, as a nest by specs without the leading axes."""
    leaves, leading = tf.nest.flatten(specs), list(flat.shape[:-1])
    parts = tf.split(flat, [spec.shape.num_elements() for spec in leaves], axis=-1)
    shaped = [
        tf.cast(tf.reshape(part, leading + spec.shape), spec.dtype)
        for part, spec in zip(parts, leaves, strict=True)
    ]
    return tf.nest.pack_sequence_as(specs, shaped)


def differentiated(
    function: Callable[[], tf.Tensor], variables: Sequence[tf.Variable | tf.Tensor]
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """The scalar that a function computes from variables, and its gradients in them, zeros where it
    does not depend on them.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(variables)
        value = function()
    gradients = tape.gradient(value, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return value, [tf.convert_to_tensor(gradient) for gradient in gradients]


def flatten(arrays: Iterable[np.ndarray]) -> np.ndarray:
    """The elements of arrays as one vector, float64 [P], one array after the other."""
    return np.concatenate([np.ravel(array) for array in arrays]).astype(np.float64)
