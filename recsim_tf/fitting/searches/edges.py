"""Parameters that a search leads to the edge of their support, where the gradient vanishes though
the likelihood may be higher elsewhere.
"""

import dataclasses

import numpy as np

from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.parameters.unconstrained import flatten
from recsim_tf.fitting.searches.folder import SearchState
from recsim_tf.fitting.searches.search import Problem, Search

# An element is at the edge where its value follows its unconstrained element by no more than this
# part of the slope at the start.
_SLOPE = 1e-3


def at_edge(fitted: FittedSimulator, start: np.ndarray) -> dict[str, np.ndarray]:
    """Bool arrays in the shapes of those parameters of which an element is at the edge of its
    support, as a spread at zero.

    Args:
      fitted: the simulator with the parameters.
      start: float64 [P], the unconstrained parameters at the start of the search.
    """
    now, before = fitted.by_name(fitted.flat()), fitted.by_name(start)
    edges = {}
    for name, parameter in fitted.parameters.items():
        if parameter.bijector.forward_min_event_ndims or name in fitted.posteriors:
            continue
        log_slope, log_slope_before = (
            parameter.bijector.forward_log_det_jacobian(elements[name], event_ndims=0)
            for elements in (now, before)
        )
        is_flat = np.broadcast_to(log_slope - log_slope_before < np.log(_SLOPE), now[name].shape)
        if is_flat.any():
            edges[name] = is_flat
    return edges


def restart_from_boundary(problem: Problem, search: Search) -> SearchState:
    """Runs a search, and once more from its end with those elements back at their starts that it
    led to the edge. The better of both, at its best values; its history is that of both.
    """
    objective, fitted = problem.objective, problem.objective.fitted
    start = fitted.flat()
    first = search.run(problem)
    first.go_to_best()
    edges = at_edge(fitted, start)
    if not edges or first.progress.diverged:
        return first
    everywhere = {
        name: edges.get(name, np.zeros(elements.shape, bool))
        for name, elements in fitted.by_name(start).items()
    }
    fitted.assign_flat(np.where(flatten(everywhere.values()), start, fitted.flat()))
    value, gradients = objective.total()
    if not (np.isfinite(value) and np.isfinite(flatten(gradients)).all()):
        first.go_to_best()
        return first
    folder = problem.checkpoints.path and problem.checkpoints.path / "again"
    checkpoints = dataclasses.replace(problem.checkpoints, folder=folder)
    second = search.run(problem._replace(checkpoints=checkpoints))
    steps = len(first.progress.history)
    history = [
        *first.progress.history,
        *({**row, "step": row["step"] + steps} for row in second.progress.history),
    ]
    best = second if second.progress.objective > first.progress.objective else first
    best.go_to_best()
    best.progress.history = history
    return best
