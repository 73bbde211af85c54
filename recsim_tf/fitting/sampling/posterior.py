"""The posterior distribution of a simulator's parameters, given logged sessions."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from recsim_tf.core import nests, random
from recsim_tf.core.base.arguments import Count, configurable
from recsim_tf.core.runs.execution import compiled, traced_call
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.fit import FitResult, fit
from recsim_tf.fitting.methods.batching import Batch
from recsim_tf.fitting.methods.default import default_method
from recsim_tf.fitting.methods.information import ScoresOrCurvature
from recsim_tf.fitting.methods.session_method import SessionMethod, SessionsObjective
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.parameters.parameter import Parameter
from recsim_tf.fitting.parameters.unconstrained import differentiated
from recsim_tf.fitting.sampling import nuts
from recsim_tf.fitting.sampling.nuts import NUTS
from recsim_tf.fitting.searches.lbfgs import LBFGS, maximise, standard_errors
from recsim_tf.fitting.searches.slopes import room
from recsim_tf.logs.arguments import log_of
from recsim_tf.logs.log import Sessions
from recsim_tf.logs.trajectories import take_sessions

# Of the search for the mode, which begins where a fit has ended or nearby.
_MAX_ITERATIONS, _TOLERANCE = 20, 1e-3
_SAMPLER = NUTS(num_burnin_steps=200)


class ParameterPosterior(NamedTuple):
    """Draws from a posterior distribution, by C chains of N draws, and how far to trust them."""

    samples: dict[str, np.ndarray]  # [C, N, ...], the parameters' values in their own supports
    # in the parameter's shape; above 1.01 the chains do not agree yet: draw more
    r_hat: dict[str, np.ndarray]
    effective_sample_size: dict[str, np.ndarray]  # in the parameter's shape, of all chains together
    acceptance_rate: np.ndarray  # [C]
    step_size: np.ndarray  # [C], in standard errors
    # int [C], divergent draws; if there are any, the chains may have missed regions
    num_divergent: np.ndarray


@configurable(module="recsim_tf", denylist=["log", "start"])
def sample_parameters(
    simulator: Simulator,
    parameters: Mapping[str, Parameter],
    log: Sessions,
    *,
    method: SessionMethod | None = None,
    sampler: NUTS = _SAMPLER,
    num_chains: Count = 2,
    start: FitResult | Mapping[str, np.ndarray] | None = None,
    seed: int = 0,
) -> ParameterPosterior:
    """Draws parameters of a simulator's models from their posterior distribution by the No-U-Turn
    Sampler.

    The density is that of the values: the likelihood of all sessions, as in `fit`, times the
    priors. A parameter without a prior has a flat prior over the values of its support, which is
    improper if the support is unbounded. Chains move in the unconstrained parameters, so the
    density has the Jacobian of the bijectors. Their units come from the observed information at the
    mode.

    Args:
      simulator: the models, with the values of all parameters that are not sampled.
      parameters: by name, as {"users.choice_model.no_click_mass": Parameter(support="positive")}.
      log: the sessions, in memory.
      method: as of `fit`, without posteriors: `Exact()`, `Classes()`, `Draws()` or `Particles()`;
        None for the method that suits the log. Its search is that of the call of `fit`. Memory
        grows with the batch size of this search, and not with the log.
      sampler: `NUTS(...)`, with the number of draws of each chain.
      num_chains: they start around the mode, at draws from a normal with the observed information.
      start: values near the mode by name, or what `fit` found; None to call `fit`. A short search
        for the mode sets out from there.
      seed: of the chains, an integer.

    Raises:
      ValueError: for an argument out of range, a log that lacks what the models draw, a start that
        lacks a parameter, or a parameter of which neither the log nor a prior tells anything; or
        where the density is not finite at the start.
    """
    random.as_seed(seed)
    log = log_of("log", log, Sessions, "a Log or a LogStream")
    method = default_method(simulator, log) if method is None else method
    has_posteriors = any(each.posterior for each in parameters.values())
    if not isinstance(method, SessionMethod) or method.has_posteriors or has_posteriors:
        raise ValueError(
            "method must be Exact(), Classes(), Draws() or Particles(), without posteriors, got"
            f" {method}"
        )
    search = LBFGS(progress=sampler.progress) if method.search is None else method.search
    method = dataclasses.replace(method, search=search, uncertainty=None)
    if start is None:
        start = fit(simulator, parameters, log, method=method)
    fitted = FittedSimulator(simulator, _started(parameters, start))
    objective = method.objective(fitted, log.whole())
    log_density = _log_density(objective)
    fitted.assign_flat(_mode(log_density, objective))
    center, scale = tf.constant(fitted.flat()), tf.constant(_scale(objective))

    def unconstrained(positions):
        return center + tf.linalg.matvec(scale, positions)

    def whitened(positions):
        return log_density(unconstrained(positions))

    spread = tf.constant(np.random.default_rng(seed).standard_normal([num_chains, len(center)]))
    # Where a chain would start at impossible parameters it starts at the center.
    spread = nests.where(
        tf.math.is_finite(traced_call(compiled(whitened), spread)), spread, tf.zeros_like(spread)
    )
    chains = sampler.draws(whitened, spread, seed)
    samples = {
        name: value.numpy()
        for name, value in fitted.values_at(unconstrained(tf.constant(chains.positions))).items()
    }
    return ParameterPosterior(
        samples={name: np.swapaxes(value, 0, 1) for name, value in samples.items()},
        r_hat={name: nuts.potential_scale_reduction(value) for name, value in samples.items()},
        effective_sample_size={
            name: nuts.effective_sample_size(value) for name, value in samples.items()
        },
        acceptance_rate=chains.acceptance_rate,
        step_size=chains.step_size,
        num_divergent=chains.num_divergent,
    )


def _started(
    parameters: Mapping[str, Parameter], start: FitResult | Mapping[str, np.ndarray]
) -> dict[str, Parameter]:
    """The parameters with these starts."""
    values = start.values() if isinstance(start, FitResult) else start
    sampled = [name for name, parameter in parameters.items() if not parameter.fixed]
    missing = [name for name in sampled if name not in values]
    if missing:
        raise ValueError(
            f"start must have a value for each parameter, got none for {', '.join(missing)}"
        )
    started = {
        name: Parameter(values[name], parameters[name].bijector, parameters[name].prior)
        for name in sampled
    }
    return {**parameters, **started}


def _scale(objective: SessionsObjective) -> np.ndarray:
    """[P, P]: a root of the inverse of the observed information, which makes standard units of the
    unconstrained parameters.
    """
    information, fitted = ScoresOrCurvature().of(objective)(), objective.fitted
    has_information = fitted.by_name(np.diag(information) != 0)
    unknown = sorted(name for name, elements in has_information.items() if not np.all(elements))
    if unknown:
        raise ValueError(
            f"neither the log nor a prior tells anything about {', '.join(unknown)}: give a prior,"
            " or leave it out"
        )
    curvatures, axes = np.linalg.eigh(information)
    # Along an axis without a curvature the bijector's own unit has to do.
    curvatures = np.where(
        curvatures > len(curvatures) * np.finfo(np.float64).eps * curvatures.max(), curvatures, 1
    )
    return axes / np.sqrt(curvatures)


def _log_likelihood(
    objective: SessionsObjective,
) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """The function that maps unconstrained parameters [P] to the log-likelihood of all sessions,
    summed in float64 over batches within the graph, and its gradient [P].
    """
    fitted, num_sessions = objective.fitted, objective.num_sessions
    trajectory = objective.trajectory

    def value_and_gradient(flat):
        def add_batch(first, total, gradient):
            rows = first + tf.range(objective.batch_size)
            kept = tf.minimum(rows, num_sessions - 1)
            batch = Batch(take_sessions(trajectory, kept), kept, rows < num_sessions)

            def score_of_batch():
                values = fitted.values_at(flat)
                score = objective.score(fitted.simulator.with_parameters(values), batch)
                return tf.reduce_sum(tf.where(batch.weights, tf.cast(score, tf.float64), 0))

            part, (slope,) = differentiated(score_of_batch, [flat])
            return first + objective.batch_size, total + part, gradient + slope

        loop_vars = (0, tf.zeros([], tf.float64), tf.zeros_like(flat))
        return tf.while_loop(lambda first, *_: first < num_sessions, add_batch, loop_vars)[1:]

    return value_and_gradient


def _log_density(objective: SessionsObjective) -> Callable[[tf.Tensor], tf.Tensor]:
    """The function that maps unconstrained parameters [C, P] to the log-densities of their
    posterior [C], -inf where impossible.
    """
    fitted, log_likelihood = objective.fitted, _log_likelihood(objective)

    def value_and_gradient(flat):
        value, gradient = log_likelihood(flat)
        prior, (slope,) = differentiated(
            lambda: fitted.log_prior_at(fitted.by_name(flat), jacobian=True), [flat]
        )
        possible = tf.math.is_finite(value + prior)
        return tf.where(possible, value + prior, -np.inf), tf.where(possible, gradient + slope, 0)

    # The gradient is summed batch by batch, so that memory does not grow with the log.
    @tf.custom_gradient
    def log_density(flat):
        values, gradients = tf.map_fn(
            value_and_gradient, flat, fn_output_signature=(tf.float64, tf.float64)
        )
        return values, lambda upstream: upstream[:, tf.newaxis] * gradients

    return log_density


def _mode(
    log_density: Callable[[tf.Tensor], tf.Tensor], objective: SessionsObjective
) -> np.ndarray:
    """[P]: a position of higher density than the present one. The likelihood alone may have its
    maximum at infinity; with the Jacobian it does not.
    """

    @compiled
    def value_and_gradient(flat):
        return tfp.math.value_and_gradient(lambda x: log_density(x[tf.newaxis])[0], flat)

    def function(flat):
        value, gradient = traced_call(value_and_gradient, tf.constant(flat))
        return float(value), gradient.numpy()

    name = "the log-density of the parameters"
    fitted, units = objective.fitted, functools.partial(standard_errors, objective)
    within = functools.partial(room, fitted)
    start = fitted.flat()
    return maximise(function, start, units, _MAX_ITERATIONS, _TOLERANCE, name, within).position
