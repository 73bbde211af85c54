# SPDX-License-Identifier: Apache-2.0
"""Slopes of bijectors, which say how far a step of a search may lead."""

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.parameters.unconstrained import flatten

# A step of a search changes the slope of an element by this factor at the most. An element of a
# vector that is mapped as a whole moves by no more than `_LARGEST_STEP`.
_FACTOR, _LARGEST_STEP = 10.0, 5.0
_DISTANCES = np.geomspace(1e-3, 1e3, 81)
_MOST_IN_VECTOR = 100  # elements of a vector whose slopes are looked at


def log_slopes(fitted: FittedSimulator, positions: np.ndarray) -> np.ndarray:
    """The logs of the slopes of all unconstrained elements at positions [N, P], [N, P]. The slope
    of an element of a vector that is mapped as a whole is the norm of its column of the Jacobian.
    Elements that have mean-field posteriors, and those of long vectors, count as never flat: zeros.
    """
    parts = []
    for name, elements in fitted.by_name(positions).items():
        bijector, shape = fitted.parameters[name].bijector, elements.shape
        is_vector = bool(bijector.forward_min_event_ndims)
        if name in fitted.posteriors or (is_vector and shape[1:].num_elements() > _MOST_IN_VECTOR):
            slopes = np.zeros(shape)
        elif is_vector:
            slopes = _of_vector(bijector, elements)
        else:
            slopes = bijector.forward_log_det_jacobian(elements, event_ndims=0)
        parts.append(np.broadcast_to(slopes, shape).reshape(len(positions), -1))
    return np.concatenate(parts, axis=1).astype(np.float64)


def _of_vector(bijector: tfb.Bijector, elements: tf.Tensor) -> np.ndarray:
    with tf.GradientTape() as tape:
        tape.watch(elements)
        values = bijector.forward(elements)
    jacobian = tape.batch_jacobian(values, elements).numpy()
    value_axes = tuple(range(1, values.shape.rank))
    norms = np.sqrt(np.sum(jacobian.astype(np.float64) ** 2, axis=value_axes))
    return np.log(np.maximum(norms, np.finfo(np.float64).tiny))


def room(fitted: FittedSimulator, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest position [P] to which the next step of a search may lead from a
    position [P]. No step runs over the edge of a support, where the slope vanishes.
    """
    distances = np.concatenate([-_DISTANCES, _DISTANCES])[:, np.newaxis]
    slopes = log_slopes(fitted, np.concatenate([[position], position + distances]))
    is_near = np.abs(slopes[1:] - slopes[0]) <= np.log(_FACTOR)
    # After as many distances as are near in a row.
    after = np.concatenate([_DISTANCES[:1] / 2, _DISTANCES[:-1], [np.inf]])
    below, above = (
        after[np.logical_and.accumulate(side, axis=0).sum(axis=0)] for side in np.split(is_near, 2)
    )
    largest = np.where(in_vectors(fitted, position), _LARGEST_STEP, np.inf)
    return position - np.minimum(below, largest), position + np.minimum(above, largest)


def in_vectors(fitted: FittedSimulator, position: np.ndarray) -> np.ndarray:
    """Marks the elements of parameters that are mapped as whole vectors, bool [P]."""
    return flatten(
        np.full(elements.shape, fitted.parameters[name].bijector.forward_min_event_ndims > 0)
        for name, elements in fitted.by_name(position).items()
    ).astype(bool)
