# SPDX-License-Identifier: Apache-2.0
"""Estimates of parameters with errors and intervals, and which parameters the log identifies."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb

from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.parameters.parameter import Parameter, element
from recsim_tf.fitting.searches.edges import value_and_gradient
from recsim_tf.fitting.searches.objective import Objective
from recsim_tf.support.means import plus_minus

# Larger parameters are summed up in tables.
MOST_ELEMENTS = 20
# A standard error that is so many times the parameter, or 1 where the parameter is smaller, says
# that the log tells nothing of it.
_LARGEST_ERROR = 1e4
# An eigenvalue that is this part of the largest is zero but for rounding.
_TOLERANCE = 1e-5
# A parameter whose part of the directions without information is smaller does not lie in them.
_LEAST_PART = 1e-4


class ParameterEstimate(NamedTuple):
    """A parameter's estimate, in the parameter's shape."""

    value: np.ndarray
    # of the value, by the delta method; NaN where it was not asked for, where the log does not
    # identify the parameter, and for a fixed one
    standard_error: np.ndarray
    low: np.ndarray  # of the interval
    high: np.ndarray

    def __repr__(self) -> str:
        """The value and its standard error, or the shape of a large parameter."""
        if np.size(self.value) > MOST_ELEMENTS:
            return f"{np.asarray(self.value).dtype} {list(np.shape(self.value))}"
        pairs = zip(np.ravel(self.value), np.ravel(self.standard_error), strict=True)
        words = [plus_minus(float(value), float(error)) for value, error in pairs]
        return words[0] if not np.shape(self.value) else f"[{', '.join(words)}]"


class Estimates(NamedTuple):
    """The estimates of all parameters."""

    by_name: dict[str, ParameterEstimate]
    # bool arrays in the shapes of those parameters of which the information says too little
    not_identified: dict[str, np.ndarray]
    # float64 [P, P], of the unconstrained parameters, or its diagonal [P] where no information is
    # known, as of mean-field posteriors; NaN where it is not known
    covariance: np.ndarray


def estimates(
    fitted: FittedSimulator,
    information: np.ndarray | None,
    confidence: float,
    at_edge: Mapping[str, np.ndarray],
) -> Estimates:
    """Estimates at the present values of the variables, from the information [P, P] on the
    unconstrained parameters, if it is known. A mean-field posterior gives its own standard error.
    Elements at the edge of their support have none; they are taken as fixed.
    """
    flat = fitted.flat()
    if information is not None and at_edge:
        masks = (
            np.ravel(at_edge.get(name, np.zeros(elements.shape, bool)))
            for name, elements in fitted.by_name(flat).items()
        )
        is_free = ~np.concatenate(list(masks))
        information = np.where(np.outer(is_free, is_free), information, 0.0)
    matrix = np.full(flat.size, np.nan) if information is None else covariance(information, flat)
    quantile = float(tfp.distributions.Normal(np.float64(0), 1).quantile(0.5 + confidence / 2))
    result, start = Estimates({}, {}, matrix), 0
    for name, elements in fitted.by_name(flat).items():
        center = elements.numpy()
        place = slice(start, start + center.size)
        start += center.size
        if name in fitted.posteriors:
            matrix[place] = np.ravel(np.exp(2 * fitted.posteriors[name].log_scales.numpy()))
        variances = matrix[place] if information is None else np.diag(matrix)[place]
        bijector = fitted.parameters[name].bijector
        if bijector.forward_min_event_ndims:
            block = np.diag(variances) if information is None else matrix[place, place]
            result.by_name[name] = _by_vector(bijector, center, block, quantile)
        else:
            error = np.sqrt(variances).reshape(center.shape)
            result.by_name[name] = _by_element(bijector, center, error, quantile)
        if information is not None and np.isnan(variances).any():
            error = result.by_name[name].standard_error
            unknown = np.isnan(error) & ~at_edge.get(name, np.zeros(error.shape, bool))
            if unknown.any():
                result.not_identified[name] = unknown
    for name, value in fitted.fixed.items():
        result.by_name[name] = ParameterEstimate(value, *[np.full(value.shape, np.nan)] * 3)
    return result


def error_in_standard_errors(objective: Objective, covariance: np.ndarray) -> float:
    """The largest error of estimates in their standard errors, as an objective sees it at them: the
    step of Newton's method. It is 0 where no covariance [P, P] is known.
    """
    if covariance.ndim == 1:
        return 0.0
    fitted = objective.fitted
    _, gradient = value_and_gradient(objective, fitted.flat())
    errors = np.sqrt(np.diag(covariance))
    is_known = errors > 0
    step = np.nan_to_num(covariance) @ gradient
    return float(np.max(np.abs(step[is_known]) / errors[is_known], initial=0.0))


def draw_values(
    parameters: Mapping[str, Parameter],
    values: Mapping[str, np.ndarray],
    covariance: np.ndarray,
    num_draws: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Draws [N, ...] of parameters by name, normal in the unconstrained space. What is NaN in the
    covariance, [P, P] or its diagonal [P], stays as it is.
    """
    centers = {
        name: parameter.bijector.inverse(tf.constant(values[name])).numpy()
        for name, parameter in parameters.items()
    }
    filled = np.nan_to_num(covariance)
    shifts = np.random.default_rng(seed).standard_normal([num_draws, len(filled)])
    if filled.ndim == 1:
        shifts *= np.sqrt(filled)
    else:
        spread, vectors = np.linalg.eigh(filled)
        shifts = (shifts * np.sqrt(np.maximum(spread, 0))) @ vectors.T
    start = 0
    draws = {}
    for name, center in centers.items():
        shift = shifts[:, start : start + center.size].reshape([num_draws, *center.shape])
        start += center.size
        draws[name] = (
            parameters[name].bijector.forward((center + shift).astype(center.dtype)).numpy()
        )
    return draws


def named_elements(masks: Mapping[str, np.ndarray], most: int = 8) -> list[str]:
    """The elements that masks by parameter choose, in words; counts where they are many."""
    parts: list[str] = []
    for name, mask in masks.items():
        chosen = np.argwhere(mask)
        if len(chosen) > most:
            parts.append(f"{name} ({len(chosen)} of {np.size(mask)} numbers)")
        else:
            parts.extend(element(name, tuple(map(int, index))) for index in chosen)
    return parts


def estimate_rows(
    parameter_estimates: Mapping[str, ParameterEstimate],
    not_identified: Mapping[str, np.ndarray],
    at_edge: Mapping[str, np.ndarray],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of a table of the elements of small parameters, and of one that sums large ones up."""
    rows, large = [], []
    for name, estimate in parameter_estimates.items():
        value, error, low, high = (np.asarray(each, np.float64) for each in estimate)
        if value.size > MOST_ELEMENTS:
            summary = {
                "parameter": name,
                "shape": " by ".join(f"{size:,}" for size in value.shape),
                "smallest": float(value.min()),
                "mean": float(value.mean()),
                "largest": float(value.max()),
                "standard deviation": float(value.std()),
                "mean standard error": (
                    None if np.isnan(error).all() else float(np.nanmean(error))
                ),
            }
            large.append(summary)
            continue
        for index, note in _notes(name, value.shape, not_identified, at_edge).items():
            row = {
                "parameter": element(name, index),
                "estimate": float(value[index]),
                "standard error": note or float(error[index]),
                "interval from": float(low[index]),
                "to": float(high[index]),
            }
            rows.append(row)
    return rows, large


def number_rows(
    parameter_estimates: Mapping[str, ParameterEstimate],
    not_identified: Mapping[str, np.ndarray],
    at_edge: Mapping[str, np.ndarray],
) -> list[dict[str, Any]]:
    """Rows of a frame, one for each element of each parameter."""
    rows = []
    for name, estimate in parameter_estimates.items():
        nowhere = np.zeros(np.shape(estimate.value), bool)
        unknown, edge = (masks.get(name, nowhere) for masks in (not_identified, at_edge))
        value, error, low, high = (np.asarray(part, np.float64) for part in estimate)
        rows += [
            {
                "parameter": element(name, index),
                "estimate": float(value[index]),
                "standard error": float(error[index]),
                "interval from": float(low[index]),
                "interval to": float(high[index]),
                "identified": not unknown[index],
                "at the edge": bool(edge[index]),
                "note": note,
            }
            for index, note in _notes(name, value.shape, not_identified, at_edge).items()
        ]
    return rows


def _notes(
    name: str,
    shape: tuple[int, ...],
    not_identified: Mapping[str, np.ndarray],
    at_edge: Mapping[str, np.ndarray],
) -> dict[tuple[int, ...], str]:
    """Words in the place of the standard error of each element of a parameter; "" for a number."""
    nowhere = np.zeros(shape, bool)
    unknown, edge = (masks.get(name, nowhere) for masks in (not_identified, at_edge))
    return {
        index: "at the edge" if edge[index] else "not identified" if unknown[index] else ""
        for index in np.ndindex(shape)
    }


def _by_element(
    bijector: tfb.Bijector, center: np.ndarray, error: np.ndarray, quantile: float
) -> ParameterEstimate:
    """An estimate whose interval is symmetric in the unconstrained parameter."""
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
    """An estimate whose interval is symmetric in the value, since elements of a vector do not move
    alone.
    """
    point = tf.constant(center)
    with tf.GradientTape() as tape:
        tape.watch(point)
        value = bijector.forward(point)
    jacobian = tf.reshape(tape.jacobian(value, point), [-1, center.size]).numpy()
    value = value.numpy()
    errors = np.sqrt(np.einsum("ij,jk,ik->i", jacobian, covariance, jacobian)).reshape(value.shape)
    return ParameterEstimate(value, errors, value - quantile * errors, value + quantile * errors)


def covariance(information: np.ndarray, center: np.ndarray) -> np.ndarray:
    """The inverse of an observed information, float64 [P, P], without the directions of which it
    says nothing. It is NaN in the rows and columns of elements that are not identified.

    An element is not identified if it has no information of its own, or if it can move together
    with others and leave the likelihood as it is, as two parameters of which only the sum acts.
    Directions are eigenvectors of the information in units in which its diagonal is one, so that
    the units of parameters do not matter.

    Args:
      information: float64 [P, P], symmetric.
      center: float64 [P], where it was computed.
    """
    diagonal = np.diag(information)
    informed = diagonal > (_LARGEST_ERROR * np.maximum(np.abs(center), 1)) ** -2.0
    matrix, identified = np.full(information.shape, np.nan), np.zeros(len(diagonal), bool)
    if not np.any(informed):
        return matrix
    scale = 1 / np.sqrt(diagonal[informed])
    scaled = information[np.ix_(informed, informed)] * np.outer(scale, scale)
    values, vectors = np.linalg.eigh(scaled)
    empty = values <= _TOLERANCE * values.max()
    identified[informed] = np.sum(vectors[:, empty] ** 2, axis=1) < _LEAST_PART
    inverse = (vectors[:, ~empty] / values[~empty]) @ vectors[:, ~empty].T
    matrix[np.ix_(informed, informed)] = inverse * np.outer(scale, scale)
    matrix[~identified], matrix[:, ~identified] = np.nan, np.nan
    return matrix
