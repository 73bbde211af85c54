"""Estimates of parameters with their standard errors and intervals."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb

from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator


class ParameterEstimate(NamedTuple):
    """A parameter's estimate, in the parameter's shape."""

    value: np.ndarray
    # of the value, by the delta method; NaN where it was not asked for or does not exist
    standard_error: np.ndarray
    low: np.ndarray  # of the interval
    high: np.ndarray


def estimates(
    fitted: FittedSimulator, information: np.ndarray | None, confidence: float
) -> dict[str, ParameterEstimate]:
    """Estimates by name, at the present values of the variables.

    Args:
      fitted: the parameters. A mean-field posterior gives the standard error of its own.
      information: [P, P], of the unconstrained parameters; None if it is not known.
      confidence: of the intervals, in (0, 1).
    """
    covariance = None if information is None else np.linalg.pinv(information, hermitian=True)
    quantile = float(tfp.distributions.Normal(np.float64(0), 1).quantile(0.5 + confidence / 2))
    found, start = {}, 0
    for name, elements in fitted.unconstrained.by_name(fitted.flat()).items():
        center, block = elements.numpy(), None
        error = np.full(center.shape, np.nan)
        if name in fitted.posteriors:
            error = np.exp(fitted.posteriors[name].log_scales.numpy())
        elif covariance is not None:
            block = covariance[start:, start:][: error.size, : error.size]
            variances = np.diag(block)
            error = np.sqrt(np.where(variances > 0, variances, np.nan)).reshape(error.shape)
        start += error.size
        bijector = fitted.parameters[name].bijector
        if bijector.forward_min_event_ndims:
            block = np.diag(np.ravel(error) ** 2) if block is None else block
            found[name] = _by_vector(bijector, center, block, quantile)
        else:
            found[name] = _by_element(bijector, center, error, quantile)
    return found


def _by_element(
    bijector: tfb.Bijector, center: np.ndarray, error: np.ndarray, quantile: float
) -> ParameterEstimate:
    """With an interval that is symmetric in the unconstrained parameter."""
    value, *ends = (
        bijector.forward(tf.constant(center + shift, center.dtype)).numpy()
        for shift in (0, -quantile * error, quantile * error)
    )
    slope = np.exp(bijector.forward_log_det_jacobian(tf.constant(center), event_ndims=0).numpy())
    return ParameterEstimate(
        value, np.broadcast_to(error * slope, value.shape), np.minimum(*ends), np.maximum(*ends)
    )


def _by_vector(
    bijector: tfb.Bijector, center: np.ndarray, covariance: np.ndarray, quantile: float
) -> ParameterEstimate:
    """With an interval that is symmetric in the value: elements of a vector do not move alone."""
    point = tf.constant(center)
    with tf.GradientTape() as tape:
        tape.watch(point)
        value = bijector.forward(point)
    jacobian = tf.reshape(tape.jacobian(value, point), [-1, center.size]).numpy()
    value = value.numpy()
    errors = np.sqrt(np.einsum("ij,jk,ik->i", jacobian, covariance, jacobian)).reshape(value.shape)
    return ParameterEstimate(value, errors, value - quantile * errors, value + quantile * errors)
