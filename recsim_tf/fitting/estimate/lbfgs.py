"""L-BFGS on all sessions at once."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import gin
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from recsim_tf.core.base.ranges import Range
from recsim_tf.core.base.validation import check_at_least
from recsim_tf.fitting.estimate.folder import SearchState
from recsim_tf.fitting.estimate.search import Problem, Search
from recsim_tf.fitting.likelihood.likelihood import LogLikelihood
from recsim_tf.fitting.parameters.unconstrained import flatten
from recsim_tf.support.progress import progress_bar

# Where rounding hides further progress, the search has converged if no more than this part of the
# first gradient is left.
_FLAT = 1e-3
# Less of the value than this is no progress, nor is less than rounding in the models' dtype.
_LEAST_PROGRESS = 1e-10


@gin.configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class LBFGS(Search):
    """TFP's L-BFGS, on all sessions at once; a search that was stopped goes on as if it had not
    been.

    Args:
      max_iterations: at least 1.
      tolerance: the search has converged where the gradient of the mean log-likelihood of a session
        is below this, or below this times the first gradient where that is above 1.
      batch_size: sessions that are scored at once, by each core of a CPU. Memory grows with it and
        with the number of cores, and not with the log.
      progress: as of `Search`.
    """

    max_iterations: int = 200
    tolerance: float = 1e-6
    batch_size: int = 1000

    step_name: ClassVar[str] = "evaluation"
    keeps_draws: ClassVar[bool] = True

    def __post_init__(self):
        check_at_least(1, max_iterations=self.max_iterations, batch_size=self.batch_size)
        Range(above=0).check_number("tolerance", self.tolerance)

    def check(self, likelihood: LogLikelihood) -> None:
        super().check(likelihood)
        if likelihood.is_bound:
            raise ValueError(
                "search must be Minibatches() where posteriors are fitted, since their bound is"
                f" known by draws only, got {self}"
            )

    def run(self, problem: Problem) -> SearchState:
        likelihood, fitted = problem.likelihood, problem.likelihood.fitted
        memory = Memory(len(fitted.flat()))
        state = SearchState(problem.checkpoints, likelihood.variables, memory=memory)
        progress, history = state.progress, state.progress.history
        if progress.finished:
            return state
        bar = progress_bar(
            show=self.progress, desc="L-BFGS", unit=" evaluations", initial=len(history)
        )

        def objective(flat):
            """The mean log-posterior of a session, and its gradient."""
            fitted.assign_flat(flat)
            total, gradients = likelihood.total()
            prior, prior_gradients = fitted.log_prior_and_gradients()
            mean = total / likelihood.num_steps
            state.add({"step": len(history), "log_likelihood": mean})
            bar.update()
            bar.set_postfix_str(f"log-likelihood a step {mean:.5f}")
            value = (total + prior) / likelihood.num_sessions
            if np.isfinite(value) and value > progress.objective:
                state.keep(value, len(history))
            return value, (flatten(gradients) + flatten(prior_gradients)) / likelihood.num_sessions

        with bar:
            found = maximise(
                objective,
                fitted.flat(),
                self.max_iterations,
                self.tolerance,
                f"the log-likelihood of {fitted.values()}",
                relative_tolerance=max(
                    _LEAST_PROGRESS, np.finfo(likelihood.dtype.as_numpy_dtype).eps
                ),
                memory=memory,
                after_iteration=state.save,
            )
        fitted.assign_flat(found.position)
        state.keep(found.value, len(history))
        progress.finish(found.converged)
        state.save(now=True)
        return state


class _Path(NamedTuple):
    """What `maximise` knows beside the results of TFP."""

    start: tf.Tensor  # float64 [P]
    first_value: tf.Tensor  # float64 []
    first_gradient: tf.Tensor  # [P]
    worst: tf.Tensor  # [], the largest loss that was met
    last_finite: tf.Tensor  # [P], the last position where value and gradient were finite


class Memory(tf.Module):
    """What L-BFGS needs to go on after an iteration, in variables for a checkpoint.

    Args:
      num_parameters: P.
    """

    def __init__(self, num_parameters: int):
        super().__init__(name="Memory")
        zero, zeros = tf.zeros([], tf.float64), tf.zeros([num_parameters], tf.float64)
        # For their structure alone, whose type is private to TFP.
        results = tfp.optimizer.lbfgs_minimize(lambda x: (zero, x), zeros, max_iterations=0)
        self._like = results, _Path(zeros, zero, zeros, zero, zeros)
        self._content = [tf.Variable(each, trainable=False) for each in tf.nest.flatten(self._like)]

    def keep(self, results: Any, path: _Path) -> None:
        """Takes the results of TFP after an iteration."""
        for variable, value in zip(self._content, tf.nest.flatten((results, path)), strict=True):
            variable.assign(value)

    def content(self) -> tuple[Any, _Path]:
        """What `keep` took; with `num_iterations` 0 where it took nothing."""
        values = [tf.convert_to_tensor(each) for each in self._content]
        return tf.nest.pack_sequence_as(self._like, values)


class Maximum(NamedTuple):
    """Where a function of P numbers is highest, as far as a search has found out."""

    position: np.ndarray  # float64 [P]
    value: float
    converged: bool


def maximise(
    function: Callable[[np.ndarray], tuple[float, np.ndarray]],
    start: np.ndarray,
    max_iterations: int,
    tolerance: float,
    name: str,
    relative_tolerance: float = 0.0,
    memory: Memory | None = None,
    after_iteration: Callable[[], None] = lambda: None,
) -> Maximum:
    """Searches for a maximum by L-BFGS, in units in which a first step along the gradient is small
    in every coordinate.

    Args:
      function: maps a position float64 [P] to a value, which the error calls `name`, and a gradient
        [P]. Where they are not finite the search turns back, and at the start raises a ValueError.
      start: [P].
      max_iterations: of L-BFGS.
      tolerance: the search has converged where the gradient in these units is below it, or an
        iteration improves the value by no more than the part `relative_tolerance` of it.
      memory: where it has something, the search goes on from there; each iteration writes to it.
    """
    memory = Memory(len(start)) if memory is None else memory
    found, path = memory.content()
    is_new = not found.num_iterations
    if is_new:
        first_value, first_gradient = function(start)
        worst, last_finite = 0.0, np.zeros_like(start)
    else:
        start, first_gradient, last_finite = (
            each.numpy() for each in (path.start, path.first_gradient, path.last_finite)
        )
        first_value, worst = float(path.first_value), float(path.worst)
    if not (np.isfinite(first_value) and np.isfinite(first_gradient).all()):
        raise ValueError(f"{name} is not finite at the start: start elsewhere")
    scale = 1 / np.maximum(np.abs(first_gradient), 1)

    def negative(scaled):
        nonlocal worst, last_finite
        scaled = scaled.numpy()
        value, gradient = function(start + scale * scaled)
        loss, gradient = first_value - value, -gradient * scale
        if np.isfinite(loss) and np.isfinite(gradient).all():
            worst, last_finite = max(worst, loss), scaled
        else:
            # To the line search this is a slope up from the last finite position.
            away = scaled - last_finite
            loss, gradient = 2 * worst + 1, away / np.linalg.norm(away)
        return tf.constant(loss, tf.float64), tf.constant(gradient, tf.float64)

    def iterate(position, results, max_iterations):
        # The objective is the gain, which may be much less than the value.
        gain = 0.0 if results is None else abs(float(results.objective_value))
        of_gain = relative_tolerance * abs(first_value) / gain if gain else 0.0
        return tfp.optimizer.lbfgs_minimize(
            negative,
            position,
            results,
            tolerance=tolerance,
            max_iterations=max_iterations,
            f_relative_tolerance=of_gain,
        )

    if is_new:
        found = iterate(tf.zeros(start.shape, tf.float64), None, 0)
    while found.num_iterations < max_iterations and not (found.converged or found.failed):
        found = iterate(None, found, found.num_iterations + 1)
        memory.keep(found, _Path(start, first_value, first_gradient, worst, last_finite))
        after_iteration()
    # Where rounding tells no better from worse, the line search fails.
    left = np.max(np.abs(found.objective_gradient))
    is_flat = left < _FLAT * np.max(np.abs(first_gradient * scale))
    gain = -float(found.objective_value)
    return Maximum(
        start + scale * found.position.numpy() if gain > 0 else start,
        first_value + max(gain, 0.0),
        bool(found.converged or (found.failed and is_flat)),
    )
