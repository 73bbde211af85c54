# SPDX-License-Identifier: Apache-2.0
"""Searches with restarts, for parameters that are led to the edge of their support, where the
gradient vanishes though the likelihood may be higher elsewhere.
"""

import numpy as np

from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.parameters.unconstrained import flatten
from recsim_tf.fitting.searches.folder import SearchState
from recsim_tf.fitting.searches.lbfgs import LBFGS
from recsim_tf.fitting.searches.objective import Objective
from recsim_tf.fitting.searches.search import Problem, Search
from recsim_tf.fitting.searches.slopes import in_vectors, log_slopes

# The slope of a bijector is how far a value follows its unconstrained element. An element may be at
# the edge where it is no more than this part of the slope at the start or at zero.
_SLOPE = 1e-2
# It is at the edge if the gradient is smaller than this there, and one decade of the slope away:
# less than a nat in all decades from there to the edge.
_FLAT = 0.05
_DECADE = np.log(10.0)
# Restarts are tried where the slope is these parts of the largest one on the way from the edge.
_PARTS = (0.9, 0.3, 0.1, 0.01)
_NUM_POINTS = 400  # of the way on which they are looked for
# A round that gains less, in nats, has moved by half a standard error at the most. The next one, by
# proposals of that place, would move by a small part of this.
_SMALL_GAIN = 0.1
# A round is left out where no gradient is above this under the new proposals, in standard errors:
# the maximum is then about so far away.
_SMALL_GRADIENT = 0.02
_MOST_ROUNDS = 6


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
    way = np.where(in_vectors(fitted, now), start - now, slopes[4] - slopes[3])
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
    """Searches, and once more if that led elements to the edge of their support: from its end, with
    these elements inside, at the likeliest of some places between the edge, the start and zero. The
    better of both, at its best values; its history is that of both.
    """
    objective, fitted = problem.objective, problem.objective.fitted
    start = fitted.flat()
    first = _search_in_rounds(problem, search)
    edges = {} if first.progress.diverged else at_edge(objective, start)
    place = _best_place(objective, start, edges) if edges else None
    if place is None:
        return first
    fitted.assign_flat(place)
    objective.adapt()
    second = _search_in_rounds(problem.in_folder("again"), search)
    history = joined(first.progress.history, second.progress.history)
    better = second if second.progress.objective > first.progress.objective else first
    better.progress.history = history
    if better is first:
        first.go_to_best()
        objective.adapt()
    return better


def _search_in_rounds(problem: Problem, search: Search) -> SearchState:
    """Runs a search. Where draws come from proposals that are adapted to the sessions, `LBFGS`
    begins again at the end, with proposals that are adapted there, until it stays where it is. The
    last state, at its best values; its history is that of all rounds.
    """
    objective = problem.objective
    state = search.run(problem)
    state.go_to_best()
    for number in range(1, _MOST_ROUNDS):
        if state.progress.diverged or not objective.adapt() or not isinstance(search, LBFGS):
            break
        before, gradient = value_and_gradient(objective, objective.fitted.flat())
        if np.max(np.abs(gradient * state.units)) < _SMALL_GRADIENT:
            break
        later = search.run(problem.in_folder(f"round{number}")._replace(units=state.units))
        later.go_to_best()
        later.progress.history = joined(state.progress.history, later.progress.history)
        state = later
        if state.progress.objective - before < _SMALL_GAIN:
            break
    return state


def joined(
    history: list[dict[str, float]], later: list[dict[str, float]]
) -> list[dict[str, float]]:
    """The history of a search and then that of a later one."""
    return [*history, *({**row, "step": row["step"] + len(history)} for row in later)]


def _best_place(
    objective: Objective, start: np.ndarray, edges: dict[str, np.ndarray]
) -> np.ndarray | None:
    """The present position [P] with the elements at the edge in the likeliest of some places; None
    where no place has a likelihood. The variables stay as they are.
    """
    now = objective.fitted.flat()
    best, likeliest = None, -np.inf
    for place in _places(objective.fitted, start, edges):
        value, gradient = value_and_gradient(objective, place)
        if np.isfinite(gradient).all() and value > likeliest:
            best, likeliest = place, value
    objective.fitted.assign_flat(now)
    return best


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
