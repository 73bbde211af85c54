"""L-BFGS on all sessions at once."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import gin
import numpy as np
import tensorflow as tf

from recsim_tf.core.base.ranges import Range
from recsim_tf.core.base.validation import check_at_least
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.parameters.unconstrained import flatten
from recsim_tf.fitting.searches.folder import SearchState
from recsim_tf.fitting.searches.objective import BatchObjective
from recsim_tf.fitting.searches.search import Problem, Search
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
# Rounding of a sum over sessions in units of that of one number, over the root of their number.
_ROUNDING = 4.0


@gin.configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class LBFGS(Search):
    """SciPy's L-BFGS-B on all sessions at once, in float64; a search that was stopped goes on as if
    it had not been.

    Each parameter is measured in about its standard error at the start, from the squared scores of
    the sessions and the curvature of its prior. So features on very different scales do not slow
    the search down.

    Args:
      max_iterations: the largest number of iterations, at least 1.
      tolerance: the search has converged where no gradient is above it, in units in which a
        parameter's standard error is about 1; positive. The maximum is then about this number of
        standard errors away.
      batch_size: sessions that are scored at once, by each core of a CPU. Memory grows with it and
        with the number of cores, and not with the log.
      progress: see `Search`.
    """

    max_iterations: int = 200
    tolerance: float = 1e-3
    batch_size: int = 1000

    step_name: ClassVar[str] = "evaluation"

    def __post_init__(self):
        check_at_least(1, max_iterations=self.max_iterations, batch_size=self.batch_size)
        Range(above=0).check_number("tolerance", self.tolerance)

    def run(self, problem: Problem) -> SearchState:
        """See `Search.run`."""
        objective, fitted = problem.objective, problem.objective.fitted
        evaluations = Evaluations()
        state = SearchState(problem.checkpoints, objective.variables, evaluations=evaluations)
        progress, history = state.progress, state.progress.history
        if progress.finished:
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
            bar.update()
            bar.set_postfix_str(f"log-likelihood a step {mean:.5f}")
            value = total + prior
            if np.isfinite(value) and value > progress.objective:
                state.keep(value, len(history))
            return value, flatten(gradients) + flatten(prior_gradients)

        # The values at the start, which a checkpoint does not have.
        start = evaluations.start(fitted.flat())
        fitted.assign_flat(start)
        with bar:
            maximum = maximise(
                function,
                start,
                lambda: standard_errors(objective),
                self.max_iterations,
                self.tolerance,
                f"the log-likelihood of {fitted.values()}",
                rounding=rounding_of(objective),
                evaluations=evaluations,
                after_iteration=state.save,
            )
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
        # in 1 + P numbers; the start; the units.
        self._content = tf.Variable(b"", name="evaluations")
        self._start = tf.Variable(b"", name="start")
        self._units = tf.Variable(b"", name="units")
        self._rows: list[bytes] = []

    def start(self, present: np.ndarray) -> np.ndarray:
        """The position at which the search began: the present one, if it is new."""
        return self._first(self._start, lambda: present)

    def units(self, function: Callable[[], np.ndarray]) -> np.ndarray:
        """The units of the search: those that the function gives, if it is new."""
        return self._first(self._units, function)

    @staticmethod
    def _first(variable: tf.Variable, function: Callable[[], np.ndarray]) -> np.ndarray:
        if not variable.numpy():
            variable.assign(function().tobytes())
        return np.frombuffer(variable.numpy())

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
    units: Callable[[], np.ndarray],
    max_iterations: int,
    tolerance: float,
    name: str,
    rounding: float = 1e-14,
    evaluations: Evaluations | None = None,
    after_iteration: Callable[[], None] = lambda: None,
) -> Maximum:
    """Searches for a maximum by L-BFGS.

    Args:
      function: a function from a position float64 [P] to a value, which the error calls `name`, and
        a gradient [P]. Where they are not finite the search turns back, and at the start raises a
        ValueError.
      start: the first position, [P].
      units: a function that gives the units [P] in which a coordinate is measured, best its
        standard error.
      max_iterations: the largest number of iterations of L-BFGS.
      tolerance: the search has converged where no gradient in these units is above it.
      rounding: the rounding of values, as a part of them. The search ends where an iteration gains
        no more.
      evaluations: the evaluations of a search that was stopped, which goes on from there. Each
        iteration writes to them.
    """
    try:
        from scipy import optimize
    except ImportError as missing:
        raise ImportError("LBFGS needs SciPy: install recsim-tf[fitting]") from missing
    evaluations = Evaluations() if evaluations is None else evaluations
    recorded = evaluations.recorded(function)
    first_value, first_gradient = recorded(start)
    if not (np.isfinite(first_value) and np.isfinite(first_gradient).all()):
        raise ValueError(f"{name} is not finite at the start: start elsewhere")
    scale = evaluations.units(units)
    first: tuple[float, np.ndarray] | None = (first_value, first_gradient)
    worst, last_finite = 0.0, np.zeros_like(start)

    def loss(scaled: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus the value of a position in units from the start, and its gradient."""
        nonlocal first, worst, last_finite
        value, gradient = first or recorded(start + scale * scaled)
        first = None
        below, slope = first_value - value, -gradient * scale
        if np.isfinite(below) and np.isfinite(slope).all():
            worst, last_finite = max(worst, below), scaled.copy()
            return -value, slope
        # To the line search this is a slope up from the last finite position.
        away = scaled - last_finite
        return 2 * worst + 1 - first_value, away / np.linalg.norm(away)

    # SciPy passes the result to a callback whose argument has this name.
    def after(intermediate_result: Any) -> None:
        del intermediate_result
        evaluations.write()
        after_iteration()

    result = optimize.minimize(
        loss,
        np.zeros_like(start),
        jac=True,
        method="L-BFGS-B",
        callback=after,
        options={
            "maxiter": max_iterations,
            "maxfun": np.iinfo(np.int32).max,
            "maxcor": _NUM_PAIRS,
            "gtol": tolerance,
            "ftol": rounding,
        },
    )
    evaluations.write()
    left = np.max(np.abs(result.jac))
    # Where rounding tells no better from worse, an iteration gains nothing.
    is_flat = left < max(_FLAT * np.max(np.abs(first_gradient * scale)), _NEAR)
    is_better = -result.fun > first_value
    return Maximum(
        start + scale * result.x if is_better else start,
        -result.fun if is_better else first_value,
        bool(left <= tolerance or (result.nit < max_iterations and is_flat)),
    )


def rounding_of(objective: BatchObjective) -> float:
    """The rounding of the sum over sessions, as a part of it."""
    epsilon = float(np.finfo(objective.dtype.as_numpy_dtype).eps)
    return _ROUNDING * epsilon / objective.num_sessions**0.5


def standard_errors(objective: BatchObjective) -> np.ndarray:
    """About the standard error of each unconstrained parameter at its present value, float64 [P],
    without regard to the others.
    """
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
