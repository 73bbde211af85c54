"""Parameters that a search leads to the edge of their support, where the gradient vanishes though
the likelihood may be higher elsewhere.
"""

import dataclasses

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.parameters.unconstrained import flatten
from recsim_tf.fitting.searches.folder import SearchState
from recsim_tf.fitting.searches.objective import Objective
from recsim_tf.fitting.searches.search import Problem, Search

# The slope of a bijector is how far a value follows its unconstrained element. An element may be at
# the edge where it is no more than this part of the slope at the start or at zero.
_SLOPE = 1e-3
# It is at the edge if the gradient is smaller than this there, and one decade of the slope away:
# less than a nat in all decades from there to the edge.
_FLAT = 0.05
_DECADE = np.log(10.0)
# Restarts are tried where the slope is these parts of the largest one on the way from the edge.
_PARTS = (0.9, 0.3, 0.1, 0.01)
_NUM_POINTS = 400  # of the way on which they are looked for
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
    largest = np.where(_in_vectors(fitted, position), _LARGEST_STEP, np.inf)
    return position - np.minimum(below, largest), position + np.minimum(above, largest)


def _in_vectors(fitted: FittedSimulator, position: np.ndarray) -> np.ndarray:
    """Marks the elements of parameters that are mapped as whole vectors, bool [P]."""
    return flatten(
        np.full(elements.shape, fitted.parameters[name].bijector.forward_min_event_ndims > 0)
        for name, elements in fitted.by_name(position).items()
    ).astype(bool)


def at_edge(objective: Objective, start: np.ndarray) -> dict[str, np.ndarray]:
    """Bool arrays in the shapes of those parameters of which an element is at the edge of its
    support at the present values, as a spread at zero: there its value hardly follows its
    unconstrained element, and the likelihood hardly follows either.

    Args:
      objective: the function that was maximised.
      start: float64 [P], the unconstrained parameters at the start of the search.
    """
    fitted = objective.fitted
    now = fitted.flat()
    slopes = log_slopes(fitted, np.stack([now, start, np.zeros_like(now), now - 1, now + 1]))
    is_flat = slopes[0] <= np.log(_SLOPE) + np.maximum(slopes[1], slopes[2])
    if not is_flat.any():
        return {}
    # An element of a vector does not move alone, so that its slope may tell no way.
    way = np.where(_in_vectors(fitted, now), start - now, slopes[4] - slopes[3])
    inward = _DECADE * np.sign(way)
    try:
        for position in (now + is_flat * inward, now):
            is_flat &= np.abs(value_and_gradient(objective, position)[1]) < _FLAT
    finally:
        fitted.assign_flat(now)
    masks = {name: mask.numpy() > 0 for name, mask in fitted.by_name(1.0 * is_flat).items()}
    return {name: mask for name, mask in masks.items() if mask.any()}


def value_and_gradient(objective: Objective, position: np.ndarray) -> tuple[float, np.ndarray]:
    """The log-posterior at unconstrained parameters [P], and its gradient [P]."""
    fitted = objective.fitted
    fitted.assign_flat(position)
    value, gradients = objective.total()
    prior, prior_gradients = fitted.log_prior_and_gradients()
    gradient = flatten(gradients)[: len(position)] + flatten(prior_gradients)[: len(position)]
    return value + prior, gradient


def restart_from_boundary(problem: Problem, search: Search) -> SearchState:
    """Runs a search, and once more if it led elements to the edge of their support. The second
    search begins at the end of the first one, with these elements back inside: at the best of some
    places between the edge, the start and zero. The better of both, at its best values; its history
    is that of both.
    """
    objective, fitted = problem.objective, problem.objective.fitted
    start = fitted.flat()
    first = search.run(problem)
    first.go_to_best()
    edges = {} if first.progress.diverged else at_edge(objective, start)
    if not edges:
        return first
    best = -np.inf, start
    for position in _places(fitted, start, edges):
        value, gradient = value_and_gradient(objective, position)
        if np.isfinite(gradient).all() and value > best[0]:
            best = value, position
    if not np.isfinite(best[0]):
        first.go_to_best()
        return first
    fitted.assign_flat(best[1])
    second = run_again(problem, search, "again", first)
    if second.progress.objective > first.progress.objective:
        better = second
    else:
        better, first.progress.history = first, second.progress.history
    better.go_to_best()
    return better


def run_again(problem: Problem, search: Search, name: str, before: SearchState) -> SearchState:
    """Runs a search after another one, with checkpoints in a folder of this name. Its history
    begins with the one before.
    """
    folder = problem.checkpoints.path and problem.checkpoints.path / name
    checkpoints = dataclasses.replace(problem.checkpoints, folder=folder)
    state = search.run(problem._replace(checkpoints=checkpoints))
    continue_history(state, before)
    return state


def continue_history(state: SearchState, before: SearchState) -> None:
    """Puts the history of an earlier search before that of a later one."""
    history = before.progress.history
    later = [{**row, "step": row["step"] + len(history)} for row in state.progress.history]
    state.progress.history = [*history, *later]


def _places(
    fitted: FittedSimulator, start: np.ndarray, edges: dict[str, np.ndarray]
) -> list[np.ndarray]:
    """The present position with the elements at the edge in other places, [P] each: where the
    slope is some parts of its largest value on the way from the edge to the start, or to zero if
    the slope is larger there.
    """
    now = fitted.flat()
    is_at_edge = flatten(
        edges.get(name, np.zeros(elements.shape, bool))
        for name, elements in fitted.by_name(now).items()
    ).astype(bool)
    slopes = log_slopes(fitted, np.stack([start, np.zeros_like(start)]))
    end = np.where(slopes[0] >= slopes[1], start, 0)
    way = now + np.linspace(0, 1, _NUM_POINTS)[:, np.newaxis] * (end - now)
    slopes = log_slopes(fitted, way)
    slopes -= slopes.max(axis=0)
    places = []
    for part in _PARTS:
        # The first point from the edge on that is as steep.
        index = np.argmax(slopes >= np.log(part), axis=0)
        places.append(np.where(is_at_edge, way[index, np.arange(len(now))], now))
    return places
