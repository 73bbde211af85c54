# SPDX-License-Identifier: Apache-2.0
"""L-BFGS on all sessions at once."""

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.arguments import Count, Positive, configurable
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.parameters.unconstrained import flatten
from recsim_tf.fitting.searches.folder import SearchState
from recsim_tf.fitting.searches.objective import BatchObjective
from recsim_tf.fitting.searches.search import Problem, Search
from recsim_tf.fitting.searches.slopes import room
from recsim_tf.support.progress import progress_bar

# Where rounding hides further progress, the search has converged if no more than this part of the
# first gradient is left, or no gradient is above this in standard errors.
_FLAT, _NEAR = 1e-3, 0.1
# No parameter is taken to have a larger standard error, in the unconstrained space: the gradient of
# a parameter of which the log says nothing is rounding.
_LARGEST_ERROR = 1e3
# Pairs of steps and gradients from which SciPy estimates the curvature.
_NUM_PAIRS = 100
# A step in the unconstrained parameters over which the slope of a prior is compared.
_PRIOR_STEP = 1e-3
# A search that went further in its units than this has left the place where they are right.
_FAR = 10.0
# The part of a step to which a line search turns back from where there is no value, or where it may
# not go; less than half, so that it does not stay there.
_TURN = 0.4
# Evaluations of one line search after which rounding is taken to hide further progress, where no
# gradient is above `_NEAR`.
_MOST_IN_LINE = 5
# Rounding of a sum over sessions in units of that of one number, over the root of their number.
_ROUNDING = 4.0


@configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class LBFGS(Search):
    """SciPy's L-BFGS-B on all sessions at once, in float64; a search that was stopped goes on as if
    it had not been.

    Each parameter is measured in about its standard error, from the squared scores of the sessions
    and the curvature of its prior, at the start and wherever the search went far from there. So
    features on very different scales do not slow the search down. A step changes the slope of a
    parameter's bijector by a factor of ten at the most, so that no step runs over the edge of a
    support. The search has not converged where a parameter is at such an edge, see `fit`.

    Args:
      max_iterations: the largest number of iterations, at least 1.
      tolerance: the search has converged where no gradient is above it, in units in which a
        parameter's standard error is about 1; positive. The maximum is then about this number of
        standard errors away. Where rounding hides further progress, 0.1 will do.
      batch_size: sessions that are scored at once, by each core of a CPU. Memory grows with it and
        with the number of cores, and not with the log.
      progress: see `Search`.
    """

    max_iterations: Count = 200
    tolerance: Positive = 1e-3
    batch_size: Count = 1000

    step_name: ClassVar[str] = "evaluation"

    def run(self, problem: Problem) -> SearchState:
        """See `Search.run`."""
        objective, fitted = problem.objective, problem.objective.fitted
        evaluations = Evaluations()
        state = SearchState(problem.checkpoints, objective.variables, evaluations=evaluations)
        progress, history = state.progress, state.progress.history
        if progress.finished:
            state.units = evaluations.last_units()
            return state
        bar = progress_bar(
            show=self.progress, desc="L-BFGS", unit=" evaluations", initial=len(history)
        )

        def function(flat: np.ndarray) -> tuple[float, np.ndarray]:
            """The log-posterior of all sessions, and its gradient."""
            fitted.assign_flat(flat)
            total, gradients = objective.total()
            prior, prior_gradients = fitted.log_prior_and_gradients()
            mean = total / objective.num_steps
            state.add({"step": len(history), "log_likelihood": mean})
            bar.set_postfix_str(f"log-likelihood a step {mean:.5f}", refresh=False)
            bar.update()
            value = total + prior
            if np.isfinite(value) and value > progress.objective:
                state.keep(value, len(history))
            return value, flatten(gradients) + flatten(prior_gradients)

        def units(position: np.ndarray) -> np.ndarray:
            if problem.units is not None and np.array_equal(position, start):
                return problem.units
            return standard_errors(objective, position)

        # The values at the start, which a checkpoint does not have.
        start = evaluations.start(fitted.flat())
        fitted.assign_flat(start)
        with bar:
            maximum = maximise(
                function,
                start,
                units,
                self.max_iterations,
                self.tolerance,
                f"the log-likelihood of {fitted.values()}",
                room=lambda position: room(fitted, position),
                rounding=rounding_of(objective),
                evaluations=evaluations,
                after_iteration=state.save,
            )
        state.units = evaluations.last_units()
        fitted.assign_flat(maximum.position)
        state.keep(maximum.value, len(history))
        progress.finish(maximum.converged)
        state.save(now=True)
        return state


class Evaluations(tf.Module):
    """All evaluations of a search, in a variable for a checkpoint. A search that goes on does the
    same steps again, and takes its first evaluations from here.
    """

    def __init__(self):
        super().__init__(name="Evaluations")
        # Bytes of float64, since their number grows: the value and the gradient of each evaluation
        # in 1 + P numbers; the start; the units of each part of the search.
        self._content = tf.Variable(b"", name="evaluations")
        self._start = tf.Variable(b"", name="start")
        self._units = tf.Variable(b"", name="units")
        self._rows: list[bytes] = []

    def start(self, present: np.ndarray) -> np.ndarray:
        """The position at which the search began: the present one, if it is new."""
        if not self._start.numpy():
            self._start.assign(present.tobytes())
        return np.frombuffer(self._start.numpy())

    def units(
        self, number: int, position: np.ndarray, function: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """The units of a part of the search, from 0: those that the function gives at a position,
        if the part is new.
        """
        rows = np.frombuffer(self._units.numpy()).reshape(-1, len(position))
        if number == len(rows):
            rows = np.concatenate([rows, [function(position)]])
            self._units.assign(rows.tobytes())
        return rows[number]

    def last_units(self) -> np.ndarray:
        """The units [P] of the last part of the search."""
        start = np.frombuffer(self._start.numpy())
        return np.frombuffer(self._units.numpy()).reshape(-1, len(start))[-1]

    def recorded(
        self, function: Callable[[np.ndarray], tuple[float, np.ndarray]]
    ) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
        """The function of a position [P], which gives its evaluations again that were recorded and
        then goes on.
        """
        recorded = np.frombuffer(self._content.numpy())
        self._rows = [recorded.tobytes()]
        number = 0

        def replayed(position: np.ndarray) -> tuple[float, np.ndarray]:
            nonlocal number
            width = len(position) + 1
            row = recorded[number * width : (number + 1) * width]
            number += 1
            if len(row):
                return float(row[0]), row[1:]
            value, gradient = function(position)
            self._rows.append(np.concatenate([[value], gradient]).tobytes())
            return value, gradient

        return replayed

    def write(self) -> None:
        """Puts the evaluations into the variable."""
        self._rows = [b"".join(self._rows)]
        self._content.assign(self._rows[0])


class Maximum(NamedTuple):
    """The highest position of a function of P numbers that a search found."""

    position: np.ndarray  # float64 [P]
    value: float
    converged: bool


def maximise(
    function: Callable[[np.ndarray], tuple[float, np.ndarray]],
    start: np.ndarray,
    units: Callable[[np.ndarray], np.ndarray],
    max_iterations: int,
    tolerance: float,
    name: str,
    room: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]] | None = None,
    rounding: float = 1e-14,
    evaluations: Evaluations | None = None,
    after_iteration: Callable[[], None] = lambda: None,
) -> Maximum:
    """Searches for a maximum by L-BFGS. Where the search went far in its units, it takes them anew
    and goes on, so that it does not end far from the maximum in the units that are right there.

    Args:
      function: a function from a position float64 [P] to a value, which the error calls `name`, and
        a gradient [P]. Where they are not finite the search turns back, and at the start raises a
        ValueError.
      start: the first position, [P].
      units: a function of a position [P] that gives the units [P] in which a coordinate is
        measured, best its standard error there.
      max_iterations: the largest number of iterations of L-BFGS.
      tolerance: the search has converged where no gradient in these units is above it.
      room: a function of a position [P] that gives the lowest and the highest position [P] of the
        next one; None for no bounds.
      rounding: the rounding of values, as a part of them. The search ends where an iteration gains
        no more.
      evaluations: the evaluations of a search that was stopped, which goes on from there. Each
        iteration writes to them.
    """
    evaluations = Evaluations() if evaluations is None else evaluations
    recorded = evaluations.recorded(function)
    value, gradient = recorded(start)
    if not (np.isfinite(value) and np.isfinite(gradient).all()):
        raise ValueError(f"{name} is not finite at the start: start elsewhere")

    def after() -> None:
        evaluations.write()
        after_iteration()

    place = _Place(start, value, gradient)
    number, left = 0, max_iterations
    while True:
        scale = evaluations.units(number, place.position, units)
        if room is not None:
            # Where the log says nothing yet, a unit must not lead out of the room.
            low, high = room(place.position)
            scale = np.minimum(scale, np.minimum(high - place.position, place.position - low))
        part = _part(recorded, place, scale, left, tolerance, room, rounding, after)
        evaluations.write()
        number, left = number + 1, left - part.num_iterations
        distance = np.max(np.abs(part.place.position - place.position) / scale)
        place = part.place
        if distance <= _FAR or left <= 0:
            return Maximum(place.position, place.value, part.converged)


class _Place(NamedTuple):
    """A position of a search."""

    position: np.ndarray  # float64 [P]
    value: float
    gradient: np.ndarray  # [P]


class _Part(NamedTuple):
    """The end of a part of a search, which has one choice of units."""

    place: _Place
    converged: bool
    num_iterations: int


def _part(
    function: Callable[[np.ndarray], tuple[float, np.ndarray]],
    start: _Place,
    scale: np.ndarray,
    max_iterations: int,
    tolerance: float,
    room: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]] | None,
    rounding: float,
    after_iteration: Callable[[], None],
) -> _Part:
    """Searches from a place in the units [P] of a scale; see `maximise`."""
    try:
        from scipy import optimize
    except ImportError as missing:
        raise ImportError("LBFGS needs SciPy: install recsim-tf[fitting]") from missing
    first: _Place | None = start
    best = accepted = evaluated = start
    num_iterations = num_in_line = 0
    bounds = None if room is None else room(start.position)

    def loss(scaled: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus the value of a position in units from the start, and its gradient."""
        nonlocal first, best, evaluated, num_in_line
        num_in_line += 1
        if num_in_line > _MOST_IN_LINE and np.max(np.abs(best.gradient * scale)) < _NEAR:
            raise _StuckError
        position, part = start.position + scale * scaled, _TURN
        within = 1.0 if bounds is None else _part_within(accepted.position, position, bounds)
        if first is not None or within >= 1:
            place = first or _Place(position, *function(position))
            first = None
            if np.isfinite(place.value) and np.isfinite(place.gradient).all():
                evaluated = place
                if place.value > best.value:
                    best = place
                return -place.value, -place.gradient * scale
        else:
            part = min(within, _TURN)
        # To the line search this is a parabola that has its slope at the last position, and its
        # minimum at this part of the step: there it tries next.
        step = scaled - (accepted.position - start.position) / scale
        descent = min(-float(np.dot(accepted.gradient * scale, step)), -np.finfo(float).tiny)
        slope = step * (descent * (1 - 1 / part) / np.dot(step, step))
        return -accepted.value + descent * (1 - 1 / (2 * part)), slope

    # SciPy passes the result to a callback whose argument has this name.
    def after(intermediate_result: Any) -> None:
        nonlocal accepted, bounds, num_iterations, num_in_line
        del intermediate_result
        accepted = evaluated
        num_iterations, num_in_line = num_iterations + 1, 0
        if room is not None:
            bounds = room(accepted.position)
        after_iteration()

    options = {
        "maxiter": max_iterations,
        "maxfun": np.iinfo(np.int32).max,
        "maxcor": _NUM_PAIRS,
        "gtol": tolerance,
        "ftol": rounding,
    }
    with contextlib.suppress(_StuckError):
        optimize.minimize(
            loss,
            np.zeros_like(scale),
            jac=True,
            method="L-BFGS-B",
            callback=after,
            options=options,
        )
    remaining = np.max(np.abs(best.gradient * scale))
    # Where rounding tells no better from worse, an iteration gains nothing.
    is_flat = remaining < max(_FLAT * np.max(np.abs(start.gradient * scale)), _NEAR)
    converged = bool(remaining <= tolerance or (num_iterations < max_iterations and is_flat))
    return _Part(best, converged, num_iterations)


class _StuckError(Exception):
    """A line search finds nothing better, since rounding hides it."""


def _part_within(
    origin: np.ndarray, position: np.ndarray, bounds: tuple[np.ndarray, np.ndarray]
) -> float:
    """The part of the way from an origin to a position [P] that is within bounds, [P] each; 1 if
    all of it is.
    """
    step = position - origin
    limit = np.where(step < 0, bounds[0], bounds[1]) - origin
    is_beyond = np.abs(step) > np.abs(limit)
    return float(np.min(limit[is_beyond] / step[is_beyond], initial=1.0))


def rounding_of(objective: BatchObjective) -> float:
    """The rounding of the sum over sessions, as a part of it."""
    epsilon = float(np.finfo(objective.dtype.as_numpy_dtype).eps)
    return _ROUNDING * epsilon / objective.num_sessions**0.5


def standard_errors(objective: BatchObjective, position: np.ndarray) -> np.ndarray:
    """About the standard error of each unconstrained parameter at a position, float64 [P], without
    regard to the others. The variables are left there.
    """
    objective.fitted.assign_flat(position)
    information = objective.squared_scores() + _prior_curvature(objective.fitted)
    return 1 / np.sqrt(np.maximum(information, _LARGEST_ERROR**-2))


def _prior_curvature(fitted: FittedSimulator) -> np.ndarray:
    """About the negative second derivatives of the log-prior, [P], zero where it is convex
    (Hutchinson 1990). They are exact where each parameter has a prior of its own.
    """
    center = fitted.flat()
    signs = np.random.default_rng(0).choice([-1.0, 1.0], len(center))

    def slope(sign: float) -> np.ndarray:
        fitted.assign_flat(center + sign * _PRIOR_STEP * signs)
        return flatten(fitted.log_prior_and_gradients()[1])[: len(center)]

    try:
        difference = slope(-1.0) - slope(1.0)
    finally:
        fitted.assign_flat(center)
    return np.maximum(signs * difference / (2 * _PRIOR_STEP), 0)
