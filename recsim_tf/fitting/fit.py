"""Maximum likelihood and maximum a posteriori estimates of a simulator's parameters from logged sessions."""

import warnings
from collections.abc import Callable, Mapping
from typing import NamedTuple

import gin
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.information import KINDS, observed_information
from recsim_tf.fitting.likelihood import LogLikelihood
from recsim_tf.fitting.parameters import FittedSimulator, Parameter, flatten
from recsim_tf.fitting.session_log import SessionLog

METHODS = ("adam", "lbfgs")
# The part of the first gradient that is left where a search has ended well.
_FLAT = 1e-3
_DIVERGED = "the fit diverged: the log-likelihood is not finite; these are the last finite parameters"


class Estimate(NamedTuple):
    """A parameter's estimate, in the parameter's shape."""

    value: np.ndarray
    standard_error: np.ndarray  # of the value, by the delta method; NaN where it was not asked for or does not exist
    low: np.ndarray  # of the interval
    high: np.ndarray


class FitResult(NamedTuple):
    """What a fit found."""

    simulator: Simulator  # with the estimates as numbers
    estimates: dict[str, Estimate]
    log_likelihood: float  # of the training sessions, sum
    held_out_log_likelihood: float | None  # of the held-out sessions, mean over their steps
    history: list[dict[str, float]]  # of the best start, one row an evaluation: "step", "log_likelihood" per step, "held_out"
    converged: bool
    diverged: bool  # whether it stopped at a value that is not finite; the estimates are the last finite ones


@gin.configurable(module="recsim_tf", denylist=["log"])
def fit(
    simulator: Simulator,
    parameters: Mapping[str, Parameter],
    log: SessionLog,
    method: str = "lbfgs",
    held_out: float | None = None,
    batch_size: int = 1000,
    max_steps: int = 200,
    tolerance: float = 1e-6,
    patience: int = 10,
    optimizer: Callable[[], tf.keras.optimizers.Optimizer] = tf.keras.optimizers.Adam,
    num_particles: int | None = None,
    num_starts: int = 1,
    start_spread: float = 0.5,
    standard_errors: str | None = "auto",
    confidence: float = 0.95,
    jit_compile: bool = False,
    seed: int = 0,
    progress: bool = True,
) -> FitResult:
    """Fits parameters of a simulator's models to logged sessions by maximum likelihood, or maximum a posteriori where they have priors.

    What is maximised is the log-probability of everything that the users drew, `Simulator.log_prob(...).user`; slates and documents are
    given. Standard errors are those of the observed information, see `recsim_tf.fitting.information`; intervals are symmetric in the
    unconstrained parameter.

    Args:
      simulator: the models, with the values of all parameters that are not fitted.
      parameters: by name, as {"users.no_click_mass": Parameter(support="positive")}.
      log: the sessions, with everything that the user model draws.
      method: "lbfgs", on all sessions at once; or "adam", an optimizer of Keras on minibatches.
      held_out: part of the sessions that is kept apart, in (0, 1), or None. With "adam" the fit stops when their likelihood has not
        risen for `patience` passes, and gives the best parameters.
      batch_size: sessions that are scored at once, and of a minibatch.
      max_steps: iterations of L-BFGS, or passes through the log.
      tolerance: L-BFGS has converged where the gradient of the mean log-likelihood of a session is below it, or below it times the first
        gradient where that is above 1.
      patience: see `held_out`.
      optimizer: builds the optimizer of "adam", any of Keras.
      num_particles: None where the log has the users' innovations; else they are latent, and a particle filter with so many particles a
        session sums them out. The likelihood is then an estimate; "adam" takes new noise for every minibatch. There are no standard
        errors from scores.
      num_starts: searches, the first from the parameters' starts, others from around them; the best one counts.
      start_spread: standard deviation of the other starts in the unconstrained parameters.
      standard_errors: from which form of the observed information, "scores" or "curvature", see `recsim_tf.fitting.information`; "auto" is
        scores where all parameters are scalars, else curvature, whose cost grows with the square of their number; None for none.
      confidence: of the intervals, in (0, 1).
      jit_compile: whether to compile with XLA.
      seed: of minibatches, starts and held-out sessions.
      progress: whether to show a progress bar.

    Raises:
      ValueError: for an argument out of range, a log that lacks what the models draw, a parameter that does not act on the likelihood, or a
        start where the log-likelihood is not finite.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    for name, number in (("max_steps", max_steps), ("num_starts", num_starts), ("patience", patience)):
        if number < 1:
            raise ValueError(f"{name} must be at least 1, got {number}")
    if standard_errors not in (None, "auto", *KINDS):
        raise ValueError(f"standard_errors must be auto, {', '.join(KINDS)} or None, got {standard_errors!r}")
    if standard_errors == "scores" and num_particles is not None:
        raise ValueError("standard_errors must be curvature or None with num_particles, got 'scores'")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1), got {confidence}")
    train, validation = (log, None) if held_out is None else log.split(held_out, seed)
    dtype = _dtype_of(simulator)
    fitted = FittedSimulator(simulator, parameters, dtype)
    likelihood = LogLikelihood(fitted.simulator, train, fitted.variables, batch_size, jit_compile, num_particles, seed)
    check_parameters_act(fitted, likelihood)
    validation_likelihood = None
    if validation is not None:
        validation_likelihood = LogLikelihood(fitted.simulator, validation, fitted.variables, batch_size, jit_compile, num_particles, seed)
    search = _Search(fitted, likelihood, validation_likelihood, max_steps, progress)
    generator = np.random.default_rng(seed)
    first = [variable.numpy() for variable in fitted.variables]
    best: _Found | None = None
    for start in range(num_starts):
        spread = start_spread if start else 0.0
        fitted.assign([value + spread * generator.standard_normal(value.shape) for value in first])
        if method == "lbfgs":
            found = search.lbfgs(tolerance)
        else:
            found = search.minibatches(optimizer(), patience, np.random.default_rng([seed, start]))
        if best is None or found.objective > best.objective:
            best = found
    assert best is not None
    fitted.assign(best.unconstrained)
    information = None
    if standard_errors is not None and not best.diverged:
        if standard_errors == "auto":
            scalars = not any(variable.shape.rank for variable in fitted.variables)
            standard_errors = "scores" if scalars and num_particles is None else "curvature"
        information = observed_information(fitted, likelihood, simulator, train, standard_errors)
    estimates = _estimates(fitted, information, confidence)
    return FitResult(
        simulator=with_values(simulator, {name: estimate.value for name, estimate in estimates.items()}),
        estimates=estimates,
        log_likelihood=likelihood.total()[0],
        held_out_log_likelihood=None if validation_likelihood is None else _per_step(validation_likelihood),
        history=best.history,
        converged=best.converged,
        diverged=best.diverged,
    )


def with_values(simulator: Simulator, values: Mapping[str, np.ndarray]) -> Simulator:
    """A copy of a simulator with other numbers for parameters "users.NAME" and "documents.NAME"."""
    found = FittedSimulator(simulator, {name: Parameter(value) for name, value in values.items()}, _dtype_of(simulator))
    for name, value in values.items():
        model, attribute = name.split(".")
        setattr(getattr(found.simulator, model), attribute, float(value) if np.ndim(value) == 0 else value)
    return found.simulator


def check_parameters_act(fitted: FittedSimulator, likelihood: LogLikelihood) -> None:
    """Raises a ValueError for a parameter on which the likelihood does not depend."""
    _, gradients = likelihood.total()
    for name, gradient in zip(fitted.names, gradients, strict=True):
        if not np.any(gradient):
            raise ValueError(
                f"{name} does not act on the likelihood of this log, so it cannot be fitted: its gradient is zero. A parameter that acts "
                "through a rule of departure alone needs a hazard, as a departure_temperature"
            )


class _Found(NamedTuple):
    unconstrained: list[np.ndarray]
    objective: float  # log-likelihood and log-prior; the held-out log-likelihood where there is one
    history: list[dict[str, float]]
    converged: bool
    diverged: bool


class _Search:
    """Searches from the present values of the variables."""

    def __init__(self, fitted, likelihood, validation, max_steps, progress):
        self._fitted = fitted
        self._likelihood = likelihood
        self._validation = validation
        self._max_steps = max_steps
        self._progress = progress

    def lbfgs(self, tolerance: float) -> _Found:
        fitted, likelihood = self._fitted, self._likelihood
        history: list[dict[str, float]] = []
        start = fitted.flat()
        bar = _progress_bar(desc="L-BFGS", unit=" evaluations", disable=not self._progress)

        def objective(flat):
            fitted.assign_flat(flat)
            total, gradients = likelihood.total()
            prior, prior_gradients = fitted.log_prior_and_gradients()
            history.append({"step": len(history), "log_likelihood": total / likelihood.num_steps})
            bar.update()
            bar.set_postfix_str(f"log-likelihood a step {total / likelihood.num_steps:.5f}")
            return (total + prior) / likelihood.num_sessions, (flatten(gradients) + flatten(prior_gradients)) / likelihood.num_sessions

        first_value, first_gradient = objective(start)
        if not (np.isfinite(first_value) and np.isfinite(first_gradient).all()):
            raise ValueError(f"the log-likelihood is not finite at the start, {fitted.values()}: start elsewhere")
        # The first step is along the gradient: in these units it is a small one in every parameter.
        scale = 1 / np.maximum(np.abs(first_gradient), 1)
        worst, last_finite = 0.0, np.zeros_like(start)

        def negative(scaled):
            nonlocal worst, last_finite
            scaled = scaled.numpy()
            value, gradient = objective(start + scale * scaled)
            loss, gradient = first_value - value, -gradient * scale
            if np.isfinite(loss) and np.isfinite(gradient).all():
                worst, last_finite = max(worst, loss), scaled
            else:
                # Where the models are impossible the line search meets a wall, and turns back.
                loss, gradient = 2 * worst + 1, (scaled - last_finite) / np.linalg.norm(scaled - last_finite)
            return tf.constant(loss, tf.float64), tf.constant(gradient, tf.float64)

        found = tfp.optimizer.lbfgs_minimize(
            negative, tf.zeros(start.shape, tf.float64), tolerance=tolerance, max_iterations=self._max_steps, f_relative_tolerance=1e-10
        )
        bar.close()
        fitted.assign_flat(start + scale * found.position.numpy())
        # Where float32 tells no better from worse, the line search gives up.
        flattened = np.max(np.abs(found.objective_gradient)) < _FLAT * np.max(np.abs(first_gradient * scale))
        return _Found(
            unconstrained=[variable.numpy() for variable in fitted.variables],
            objective=first_value - float(found.objective_value),
            history=history,
            converged=bool(found.converged or (found.failed and flattened)),
            diverged=False,
        )

    def minibatches(self, optimizer, patience: int, generator: np.random.Generator) -> _Found:
        likelihood, variables = self._likelihood, self._fitted.variables
        history: list[dict[str, float]] = []
        best, best_objective, best_pass = [variable.numpy() for variable in variables], -np.inf, 0
        passes = _progress_bar(range(self._max_steps), desc="Passes", disable=not self._progress)
        for number in passes:
            order = generator.permutation(likelihood.num_sessions)
            total, count = 0.0, 0
            for start in range(0, len(order) - likelihood.batch_size + 1, likelihood.batch_size):
                rows = tf.constant(order[start : start + likelihood.batch_size], tf.int32)
                value, gradients = likelihood.minibatch(rows, generator.integers(2**31))
                _, prior_gradients = self._fitted.log_prior_and_gradients()
                if not np.isfinite(value):
                    warnings.warn(_DIVERGED, stacklevel=4)
                    return _Found(best, best_objective, history, False, True)
                scaled = [-g / likelihood.batch_size - p / likelihood.num_sessions for g, p in zip(gradients, prior_gradients, strict=True)]
                optimizer.apply_gradients(zip(scaled, variables, strict=True))
                total, count = total + float(value), count + 1
            mean = total / count / likelihood.batch_size
            objective = mean if self._validation is None else _per_step(self._validation)
            if np.isfinite(objective) and objective > best_objective:
                best, best_objective, best_pass = [variable.numpy() for variable in variables], objective, number
            history.append({"step": number, "log_likelihood": mean * likelihood.num_sessions / likelihood.num_steps, "held_out": objective})
            passes.set_postfix_str(f"{'held-out ' if self._validation else ''}log-likelihood {objective:.5f}")
            if number - best_pass >= patience:
                return _Found(best, best_objective, history, True, False)
        return _Found(best, best_objective, history, False, False)


def _progress_bar(*args, **kwargs):
    try:
        from tqdm import tqdm
    except ImportError as missing:
        raise ImportError("recsim_tf.fitting.fit needs tqdm: install recsim-tf[fitting]") from missing
    return tqdm(*args, **kwargs)


def _estimates(fitted: FittedSimulator, information: np.ndarray | None, confidence: float) -> dict[str, Estimate]:
    values = fitted.values()
    if information is None:
        nan = {name: np.full_like(value, np.nan) for name, value in values.items()}
        return {name: Estimate(value, nan[name], nan[name], nan[name]) for name, value in values.items()}
    variances = np.diag(np.linalg.pinv(information, hermitian=True))
    errors = np.sqrt(np.where(variances > 0, variances, np.nan))
    quantile = float(tfp.distributions.Normal(np.float64(0), 1).quantile(0.5 + confidence / 2))
    found, start = {}, 0
    for (name, value), variable in zip(values.items(), fitted.variables, strict=True):
        bijector = fitted.parameters[name].bijector
        size = int(np.prod(variable.shape))
        error = errors[start : start + size].reshape(variable.shape)
        start += size
        center = variable.numpy()
        low, high = (bijector.forward(tf.constant(center + sign * quantile * error, variable.dtype)).numpy() for sign in (-1, 1))
        slope = np.exp(bijector.forward_log_det_jacobian(tf.constant(center), event_ndims=0).numpy())
        found[name] = Estimate(value, np.broadcast_to(error * slope, value.shape), np.minimum(low, high), np.maximum(low, high))
    return found


def _per_step(likelihood: LogLikelihood) -> float:
    return likelihood.total()[0] / likelihood.num_steps


def _dtype_of(simulator: Simulator) -> tf.DType:
    return getattr(simulator.users, "dtype", tf.float32)
