"""Maximum likelihood and maximum a posteriori estimates of a simulator's parameters from logged
sessions.
"""

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

import gin
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb

from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Nest
from recsim_tf.fitting.estimate.folder import Journal
from recsim_tf.fitting.estimate.information import KINDS, observed_information
from recsim_tf.fitting.estimate.search import Found, Search
from recsim_tf.fitting.likelihood.latent_class import find_latent_class
from recsim_tf.fitting.likelihood.likelihood import LogLikelihood
from recsim_tf.fitting.logs.session_log import SessionLog
from recsim_tf.fitting.logs.session_stream import SessionStream
from recsim_tf.fitting.parameters.initial_posterior import InitialPosterior
from recsim_tf.fitting.parameters.parameter import FittedSimulator, Parameter, with_values

METHODS = ("adam", "lbfgs")


class Estimate(NamedTuple):
    """A parameter's estimate, in the parameter's shape."""

    value: np.ndarray
    # of the value, by the delta method; NaN where it was not asked for or does not exist
    standard_error: np.ndarray
    low: np.ndarray  # of the interval
    high: np.ndarray


class FitResult(NamedTuple):
    """What a fit found."""

    simulator: Simulator  # with the estimates as numbers
    estimates: dict[str, Estimate]
    # of the training sessions, sum; an estimate of the lower bound where posteriors are fitted
    log_likelihood: float
    held_out_log_likelihood: float | None  # of the held-out sessions, mean over their steps
    # of the best start, one row an evaluation: "step", and means per step "log_likelihood",
    # "held_out"
    history: list[dict[str, float]]
    converged: bool
    # whether it stopped at a value that is not finite; the estimates are the last finite ones
    diverged: bool
    confidence: float  # of the intervals
    method: str
    # nest of [S, ...]: posterior locations of the users' initial draws, where the log lacks them
    initial_draws: Nest = ()


@gin.configurable(module="recsim_tf", denylist=["folder"])
def fit(
    simulator: Simulator,
    parameters: Mapping[str, Parameter],
    log: SessionLog | SessionStream,
    method: str = "lbfgs",
    held_out: float | SessionLog | SessionStream | None = None,
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
    folder: str | os.PathLike | None = None,
    checkpoint_interval: int = 10,
) -> FitResult:
    """Fits parameters of a simulator's models to logged sessions by maximum likelihood, or maximum
    a posteriori where they have priors.

    What is maximised is the log-probability of everything that the users drew,
    `Simulator.log_prob(...).user`; slates and documents are given. Standard errors are those of the
    observed information, see `estimate.information`; intervals are symmetric in the
    unconstrained parameter, or in the value where a bijector maps whole vectors.

    Where parameters have mean-field posteriors, or the log lacks the users' initial draws, it is
    variational inference: what is maximised is a lower bound on the log of the evidence, by "adam"
    alone, and a posterior gives its parameter's standard error and interval.

    Args:
      simulator: the models, with the values of all parameters that are not fitted.
      parameters: by name, as {"users.no_click_mass": Parameter(support="positive")}.
      log: the sessions, with everything that the user model draws, in memory or in pieces. Where
        its initial draws are (), each session gets a mean-field posterior of them, under the
        model's own distribution of initial draws as the prior. A class alone, as the type of a
        user, is summed out instead.
      method: "lbfgs", on all sessions at once; or "adam", an optimizer of Keras on minibatches.
      held_out: part of the sessions that is kept apart, in (0, 1); or other sessions; or None. With
        "adam" the fit stops when their likelihood has not risen for `patience` passes, and gives
        the best parameters.
      batch_size: sessions that are scored at once, and of a minibatch.
      max_steps: iterations of L-BFGS, or passes through the log.
      tolerance: L-BFGS has converged where the gradient of the mean log-likelihood of a session is
        below it, or below it times the first gradient where that is above 1.
      patience: see `held_out`.
      optimizer: builds the optimizer of "adam", any of Keras.
      num_particles: None where the log has the users' innovations; else they are latent, and two
        particle filters of so many particles each sum them out, see `marginal_log_prob`. The
        likelihood is then an estimate; "adam" takes new noise for every minibatch, and goes well
        with a learning rate that decays, and `jit_compile`. There are no standard errors from
        scores.
      num_starts: searches, the first from the parameters' starts, others from around them; the best
        one counts.
      start_spread: standard deviation of the other starts in the unconstrained parameters.
      standard_errors: from which form of the observed information, "scores" or "curvature", see
        `estimate.information`; "auto" is scores where all parameters are scalars, else
        curvature, whose cost grows with the square of their number; None for none.
      confidence: of the intervals, in (0, 1).
      jit_compile: whether to compile with XLA.
      seed: of minibatches, starts and held-out sessions.
      progress: whether to show a progress bar.
      folder: for TensorBoard's curves and checkpoints; a fit that was stopped goes on from there.
        None to write nothing.
      checkpoint_interval: passes, or evaluations of "lbfgs", between checkpoints.

    Raises:
      ValueError: for an argument out of range, a log that lacks what the models draw, a parameter
        that does not act on the likelihood, or a start where the log-likelihood is not finite.
    """
    _check(method, max_steps, num_starts, patience, standard_errors, confidence, num_particles)
    train, validation = _split(log, held_out, seed)
    dtype = _dtype_of(simulator)
    fitted = FittedSimulator(simulator, parameters, dtype)
    posterior = None
    if _lacks_initial_draws(simulator, train):
        if isinstance(train, SessionStream):
            raise ValueError("log must have the users' initial draws where it is in pieces")
        if validation is not None:
            raise ValueError(
                "held_out must be None where the log lacks the users' initial draws: they would"
                " have to be fitted too"
            )
        posterior = InitialPosterior(
            simulator.users.initial_draws(train.num_sessions), train.num_sessions, dtype
        )
    if posterior is not None or fitted.posteriors:
        _check_variational(method, standard_errors)
        standard_errors = None
    options = (batch_size, jit_compile, num_particles, seed)
    likelihood = LogLikelihood(fitted, train, *options, posterior)
    check_parameters_act(fitted, likelihood)
    validation_likelihood = (
        None if validation is None else LogLikelihood(fitted, validation, *options)
    )
    shapes = {name: list(np.shape(value)) for name, value in fitted.values().items()}
    what = {
        "method": method,
        "parameters": shapes,
        "sessions": train.num_sessions,
        "steps": train.num_steps,
        "seed": seed,
    }
    journal = Journal(folder, {**what, "batch_size": likelihood.batch_size}, checkpoint_interval)
    search = Search(fitted, likelihood, validation_likelihood, max_steps, journal, progress)
    generator = np.random.default_rng(seed)
    first = [variable.numpy() for variable in likelihood.variables]
    best: Found | None = None
    for start in range(num_starts):
        spread = start_spread if start else 0.0
        for index, (variable, value) in enumerate(zip(likelihood.variables, first, strict=True)):
            variable.assign(
                value
                + spread * (index < len(fitted.names)) * generator.standard_normal(value.shape)
            )
        found = (
            search.lbfgs(start, tolerance)
            if method == "lbfgs"
            else search.minibatches(start, optimizer(), patience, seed)
        )
        if best is None or found.objective > best.objective:
            best = found
    assert best is not None
    for variable, value in zip(likelihood.variables, best.values, strict=True):
        variable.assign(value)
    information = None
    if standard_errors is not None and not best.diverged:
        if standard_errors == "auto":
            scalars = not any(variable.shape.rank for variable in fitted.variables)
            standard_errors = "scores" if scalars and num_particles is None else "curvature"
        information = observed_information(fitted, likelihood, simulator, train, standard_errors)
    estimates = _estimates(fitted, information, confidence)
    fitted_simulator = with_values(
        simulator, {name: estimate.value for name, estimate in estimates.items()}
    )
    return FitResult(
        simulator=fitted_simulator,
        estimates=estimates,
        log_likelihood=likelihood.total()[0],
        held_out_log_likelihood=(
            None
            if validation_likelihood is None
            else validation_likelihood.total()[0] / validation_likelihood.num_steps
        ),
        history=best.history,
        converged=best.converged,
        diverged=best.diverged,
        confidence=confidence,
        method=method,
        initial_draws=(
            ()
            if posterior is None
            else posterior.locations(fitted_simulator.users.initial_draws(posterior.num_sessions))
        ),
    )


def _check(
    method, max_steps, num_starts, patience, standard_errors, confidence, num_particles
) -> None:
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    for name, number in (
        ("max_steps", max_steps),
        ("num_starts", num_starts),
        ("patience", patience),
    ):
        if number < 1:
            raise ValueError(f"{name} must be at least 1, got {number}")
    if standard_errors not in (None, "auto", *KINDS):
        raise ValueError(
            f"standard_errors must be auto, {', '.join(KINDS)} or None, got {standard_errors!r}"
        )
    if standard_errors == "scores" and num_particles is not None:
        raise ValueError(
            "standard_errors must be curvature or None with num_particles, got 'scores'"
        )
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1), got {confidence}")


def _check_variational(method, standard_errors) -> None:
    if method != "adam":
        raise ValueError(
            "method must be adam where posteriors are fitted, since their bound is known by draws"
            f" only, got {method!r}"
        )
    if standard_errors in KINDS:
        raise ValueError(
            "standard_errors must be auto or None where posteriors are fitted, got"
            f" {standard_errors!r}"
        )


def _split(log, held_out, seed):
    """The sessions that are fitted, and those that are held out or None."""
    if held_out is None or isinstance(held_out, (SessionLog, SessionStream)):
        return log, held_out
    if isinstance(log, SessionStream):
        raise ValueError(
            "held_out must be a log of its own, or None, where the log is in pieces, got"
            f" {held_out}"
        )
    return log.split(held_out, seed)


def _lacks_initial_draws(simulator: Simulator, log: SessionLog | SessionStream) -> bool:
    first = next(log.pieces()) if isinstance(log, SessionStream) else log
    if (
        tf.nest.flatten(first.initial)
        or find_latent_class(simulator.users, first.initial) is not None
    ):
        return False
    return bool(tf.nest.flatten(simulator.users.initial_draws(1).event_shape))


def check_parameters_act(fitted: FittedSimulator, likelihood: LogLikelihood) -> None:
    """Raises a ValueError for a parameter on which the likelihood does not depend."""
    _, gradients = likelihood.total()
    for name, gradient in zip(fitted.names, gradients[: len(fitted.names)], strict=True):
        if not np.any(gradient):
            raise ValueError(
                f"{name} does not act on the likelihood of this log, so it cannot be fitted: its"
                " gradient is zero. A parameter that acts through a rule of departure alone needs"
                " a hazard, as a departure_temperature"
            )


def _estimates(
    fitted: FittedSimulator, information: np.ndarray | None, confidence: float
) -> dict[str, Estimate]:
    covariance = None if information is None else np.linalg.pinv(information, hermitian=True)
    quantile = float(tfp.distributions.Normal(np.float64(0), 1).quantile(0.5 + confidence / 2))
    found, start = {}, 0
    for name, variable in zip(fitted.names, fitted.variables, strict=False):
        size, shape = int(np.prod(variable.shape)), variable.shape
        block = (
            None if covariance is None else covariance[start : start + size, start : start + size]
        )
        start += size
        if name in fitted.posteriors:
            error = np.exp(fitted.posteriors[name].log_scale.numpy())
        elif block is None:
            error = np.full(shape, np.nan)
        else:
            variances = np.diag(block)
            error = np.sqrt(np.where(variances > 0, variances, np.nan)).reshape(shape)
        bijector = fitted.parameters[name].bijector
        estimate = _by_vector if bijector.forward_min_event_ndims else _by_element
        found[name] = estimate(bijector, variable.numpy(), error, block, quantile)
    return found


def _by_element(
    bijector: tfb.Bijector, center: np.ndarray, error: np.ndarray, covariance, quantile: float
) -> Estimate:
    del covariance
    low, high = (
        bijector.forward(tf.constant(center + sign * quantile * error, center.dtype)).numpy()
        for sign in (-1, 1)
    )
    value = bijector.forward(tf.constant(center)).numpy()
    slope = np.exp(bijector.forward_log_det_jacobian(tf.constant(center), event_ndims=0).numpy())
    return Estimate(
        value,
        np.broadcast_to(error * slope, value.shape),
        np.minimum(low, high),
        np.maximum(low, high),
    )


def _by_vector(
    bijector: tfb.Bijector, center: np.ndarray, error: np.ndarray, covariance, quantile: float
) -> Estimate:
    """With an interval that is symmetric in the value: elements of a vector do not move alone."""
    point = tf.constant(center)
    with tf.GradientTape() as tape:
        tape.watch(point)
        value = bijector.forward(point)
    jacobian = tf.reshape(tape.jacobian(value, point), [-1, center.size]).numpy()
    if covariance is None:
        covariance = np.diag(np.ravel(error) ** 2)
    errors = np.sqrt(np.einsum("ij,jk,ik->i", jacobian, covariance, jacobian)).reshape(value.shape)
    return Estimate(
        value.numpy(), errors, value.numpy() - quantile * errors, value.numpy() + quantile * errors
    )


def _dtype_of(simulator: Simulator) -> tf.DType:
    return getattr(simulator.users, "dtype", tf.float32)
