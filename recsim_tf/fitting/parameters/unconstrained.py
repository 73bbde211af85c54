"""Parameters over the reals: as one vector, and as values within their supports."""

from collections.abc import Iterable, Mapping

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from recsim_tf.core.types import Nest
from recsim_tf.fitting.parameters.parameter import Parameter


class Unconstrained:
    """The unconstrained elements of parameters, P in all.

    Args:
      parameters: by name.
      specs: shape and dtype of the unconstrained elements by name, in the same order.
    """

    def __init__(self, parameters: Mapping[str, Parameter], specs: Mapping[str, tf.TensorSpec]):
        self._parameters = parameters
        self._specs = specs

    def by_name(self, flat: tf.Tensor | np.ndarray) -> dict[str, tf.Tensor]:
        """Vectors [..., P] as unconstrained elements [..., ...] of each parameter."""
        return dict(zip(self._specs, unpack(flat, list(self._specs.values())), strict=True))

    def values(self, flat: tf.Tensor) -> dict[str, tf.Tensor]:
        """The parameters' values [..., ...] at vectors [..., P]."""
        return {
            name: self._parameters[name].bijector.forward(elements)
            for name, elements in self.by_name(flat).items()
        }

    def log_prior(self, elements: Mapping[str, tf.Tensor], jacobian: bool) -> tf.Tensor:
        """float64 scalar: the log-density of some parameters under their priors, flat where there
        are none: that of their values, or with the Jacobian of their unconstrained elements.
        """
        total = tf.zeros([], tf.float64)
        for name, part in elements.items():
            bijector, prior = self._parameters[name].bijector, self._parameters[name].prior
            if jacobian:
                log_det = bijector.forward_log_det_jacobian(part, event_ndims=part.shape.rank)
                total += tf.cast(log_det, tf.float64)
            if prior is not None:
                total += tf.cast(tf.reduce_sum(prior.log_prob(bijector.forward(part))), tf.float64)
        return total


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
    """Vectors [..., P], the elements of one leaf after the other, as a nest of [..., ...] by specs
    without the leading axes.
    """
    leaves, leading = tf.nest.flatten(specs), list(flat.shape[:-1])
    parts = tf.split(flat, [spec.shape.num_elements() for spec in leaves], axis=-1)
    shaped = [
        tf.cast(tf.reshape(part, leading + spec.shape), spec.dtype)
        for part, spec in zip(parts, leaves, strict=True)
    ]
    return tf.nest.pack_sequence_as(specs, shaped)


def flatten(arrays: Iterable[np.ndarray]) -> np.ndarray:
    """float64 [P]: the elements of arrays, one array after the other."""
    return np.concatenate([np.ravel(array) for array in arrays]).astype(np.float64)
