# SPDX-License-Identifier: Apache-2.0
"""Draws from posteriors of parameters and of sessions, by the No-U-Turn sampler."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Annotated, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from recsim_tf.core import nests, random
from recsim_tf.core.base.arguments import AtLeast, Count, checked, configurable
from recsim_tf.core.base.types import Nest, Seed
from recsim_tf.core.runs.execution import compiled, traced_call
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.fit import FitResult, fit
from recsim_tf.fitting.methods import annealing
from recsim_tf.fitting.methods.batching import Batch
from recsim_tf.fitting.methods.default import default_method
from recsim_tf.fitting.methods.information import ScoresOrCurvature
from recsim_tf.fitting.methods.latents import Latents
from recsim_tf.fitting.methods.session_method import SessionMethod, SessionsObjective
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.parameters.parameter import Parameter
from recsim_tf.fitting.parameters.unconstrained import differentiated
from recsim_tf.fitting.searches.lbfgs import LBFGS, maximise, standard_errors
from recsim_tf.fitting.searches.slopes import room
from recsim_tf.logs.arguments import log_of
from recsim_tf.logs.log import Log, Sessions
from recsim_tf.logs.trajectories import take_sessions
from recsim_tf.support.progress import progress_bar

# Of burn-in; the rest of it runs with the adapted step size.
_PART_THAT_ADAPTS = 0.8
_FIRST_STEP_SIZE = 0.5
# Standard units need far less than 255 steps, and all chains wait for the longest path.
_MAX_TREE_DEPTH = 8
# Of the search for the mode, which begins where a fit has ended or nearby.
_MAX_ITERATIONS, _TOLERANCE = 20, 1e-3
# Of the annealing: rises of the inverse temperature, and moves of a chain at each.
_RISES, _MOVES = 60, 5


class NutsDraws(NamedTuple):
    """N draws of C chains in D dimensions."""

    positions: np.ndarray  # [N, C, D]
    # [C], mean over the draws; the step size is adapted to make it 0.75
    acceptance_rate: np.ndarray
    step_size: np.ndarray  # [C]
    num_divergent: np.ndarray  # int [C], draws at which the energy was off by more than 1000


@configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class NUTS:
    """The No-U-Turn Sampler (Hoffman and Gelman 2014, JMLR 15), with a step size for each chain.

    Args:
      num_samples: draws of each chain, at least 4.
      num_burnin_steps: draws before them that adapt the step size, at least 1.
      jit_compile: whether to compile with XLA, which takes some seconds and makes draws several
        times faster.
      progress: whether to show a progress bar.
    """

    num_samples: Annotated[int, AtLeast(4)] = 500
    num_burnin_steps: Count = 300
    jit_compile: bool = True
    progress: bool = True

    def draws(
        self,
        log_density: Callable[[tf.Tensor], tf.Tensor],
        start: tf.Tensor,
        seed: Seed,
        step_size: float | tf.Tensor = _FIRST_STEP_SIZE,
    ) -> NutsDraws:
        """Draws from densities over the reals.

        Args:
          log_density: a function from positions [C, D] to log-densities [C], which may be different
            ones; -inf where there is none.
          start: the first positions, [C, D], best in units in which the densities have standard
            deviations of about 1.
          seed: an integer or int32 [2].
          step_size: the size of the first steps, of all chains or [C].

        Raises:
          ValueError: if a log-density is not finite at the start.
        """
        wrap = compiled(jit_compile=self.jit_compile)
        step_sizes = tf.broadcast_to(tf.cast(step_size, start.dtype), start.shape[:1])
        sampler = tfp.mcmc.NoUTurnSampler(
            log_density, step_sizes[:, tf.newaxis], max_tree_depth=_MAX_TREE_DEPTH
        )
        kernel = tfp.mcmc.DualAveragingStepSizeAdaptation(
            sampler, num_adaptation_steps=int(_PART_THAT_ADAPTS * self.num_burnin_steps)
        )

        def one_step(position, results, seed):
            seed, step_seed = random.split_seed(seed, 2)
            return *kernel.one_step(position, results, seed=step_seed), seed

        one_step = wrap(one_step)
        position, results, seed = (
            start,
            traced_call(wrap(kernel.bootstrap_results), start),
            random.as_seed(seed),
        )
        impossible = np.flatnonzero(~np.isfinite(results.inner_results.target_log_prob))
        if len(impossible):
            raise ValueError(
                f"the log-density is not finite at the start of chains {impossible.tolist()}"
            )
        positions, acceptance, divergent = [], [], []
        steps = range(self.num_burnin_steps + self.num_samples)
        for step in progress_bar(steps, show=self.progress, desc="NUTS", unit=" draws"):
            position, results, seed = traced_call(one_step, position, results, seed)
            if step >= self.num_burnin_steps:
                positions.append(position.numpy())
                acceptance.append(np.exp(results.inner_results.log_accept_ratio))
                divergent.append(results.inner_results.has_divergence.numpy())
        return NutsDraws(
            positions=np.stack(positions),
            acceptance_rate=np.mean(acceptance, axis=0),
            step_size=results.new_step_size.numpy()[:, 0],
            num_divergent=np.sum(divergent, axis=0),
        )


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
    sampler: NUTS = NUTS(num_burnin_steps=200),
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
        r_hat={name: _r_hat(value) for name, value in samples.items()},
        effective_sample_size={
            name: _effective_sample_size(value) for name, value in samples.items()
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


def _log_density(objective: SessionsObjective) -> Callable[[tf.Tensor], tf.Tensor]:
    """The function that maps unconstrained parameters [C, P] to the log-densities of their
    posterior [C], -inf where impossible. The log-likelihood of all sessions is summed in float64
    over batches within the graph.
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

        _, value, gradient = tf.while_loop(
            lambda first, *_: first < num_sessions,
            add_batch,
            (0, tf.zeros([], tf.float64), tf.zeros_like(flat)),
        )
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


class SessionPosterior(NamedTuple):
    """N draws of the latents of S sessions, a chain for each, with diagnostics; () where logged."""

    initial: Nest  # nest of [N, S, ...]: the users' initial draws
    innovation: Nest  # nest of [N, S, T, ...]: the innovations, 0 after the end of a session
    # [S], of the first against the second half, for the worst latent; above about 1.05 the chain is
    # too short
    r_hat: np.ndarray
    effective_sample_size: np.ndarray  # [S], for the worst latent
    acceptance_rate: np.ndarray  # [S]
    num_divergent: np.ndarray  # int [S], divergent draws


@checked
def sample_sessions(
    simulator: Simulator, log: Log, sampler: NUTS = NUTS(), num_chains: Count = 20, seed: Seed = 0
) -> SessionPosterior:
    """Draws the latents of logged sessions from their posterior distributions by the No-U-Turn
    Sampler.

    The latents are the draws of the users that the log lacks: `log.initial`, `log.innovation` or
    both. Everything else is given, and so are the parameters, each for all sessions or with a value
    for each. If users leave by a rule, the log-likelihood does not depend on when they left.

    First some chains of each session are annealed: the inverse temperature of the likelihood rises
    from 1e-5 to 1, and at each rise the chains are drawn anew, the likelier ones more often (Del
    Moral et al. 2006, "Sequential Monte Carlo samplers"). NUTS goes on from one of them at random.
    From a draw of the prior it would strand where a narrow likelihood has modes that hardly count.
    A chain may still stay in one of several modes that count.

    All sessions run side by side, each with a chain and a step size of its own. A step takes as
    long as the longest of their paths, so long logs are sampled faster by parts, `log.take(rows)`.

    Args:
      simulator: the models, with their parameters. Latents must have a density: initial draws on
        any support that TFP has a bijector to, innovations on all of the reals, as `tfd.Normal`.
      log: the sessions; () as `initial`, as `innovation` or as both.
      sampler: `NUTS(...)`, with the number of draws of each session.
      num_chains: annealed chains of each session, at least 1. Memory grows with it.
      seed: an integer or int32 [2].

    Raises:
      ValueError: for an argument out of range, a log without sessions or latents, or latents of
        another kind.
    """
    if not log.num_sessions:
        raise ValueError("the log must have at least one session, got none")
    prior_seed, annealing_seed, chain_seed = random.split_seed(seed, 3)
    latents = Latents(simulator, log, prior_seed)
    start, step_sizes = _annealed(simulator, log, num_chains, sampler, annealing_seed)
    chains = sampler.draws(
        lambda positions: tf.add(*latents.log_parts(positions)),
        start / latents.scale,
        chain_seed,
        step_sizes,
    )
    initial, innovation = tf.nest.map_structure(
        lambda leaf: leaf.numpy(), latents.values(chains.positions)
    )
    by_session = chains.positions[:, np.newaxis]
    return SessionPosterior(
        initial=initial,
        innovation=innovation,
        r_hat=np.where(latents.counts, _r_hat(by_session), 1).max(-1),
        effective_sample_size=np.where(
            latents.counts, _effective_sample_size(by_session), np.inf
        ).min(-1),
        acceptance_rate=chains.acceptance_rate,
        num_divergent=chains.num_divergent,
    )


def _annealed(
    simulator: Simulator, log: Log, num_chains: int, sampler: NUTS, seed: Seed
) -> tuple[tf.Tensor, tf.Tensor]:
    """Unconstrained latents [S, D] from about their posterior, and step sizes [S]."""
    prior_seed, chain_seed, choice_seed = random.split_seed(seed, 3)
    latents, chains = annealing.chains_of(simulator, log, num_chains, prior_seed)

    @compiled(jit_compile=sampler.jit_compile)
    def move(chains, beta, num_moves, seed):
        return annealing.move(latents.log_parts, chains, beta, num_moves, seed)

    chains, _ = annealing.anneal(move, chains, _RISES, _MOVES, chain_seed, sampler.progress)
    unconstrained = chains.positions * tf.reshape(latents.scale, chains.positions.shape)
    # Chains stand in the order of those that they descend from.
    number = random.uniform_integers([log.num_sessions], choice_seed, num_chains)
    start = tf.gather(tf.transpose(unconstrained, [1, 0, 2]), number, batch_dims=1)
    return start, chains.step_sizes


def _r_hat(samples: np.ndarray) -> np.ndarray:
    """The split R-hat, [...], of samples [N, C, ...] of C chains. It is 1 where they agree (Gelman
    et al. 2013, "Bayesian Data Analysis", third edition, section 11.4).
    """
    return tfp.mcmc.potential_scale_reduction(
        tf.constant(samples), independent_chain_ndims=1, split_chains=True
    ).numpy()


def _effective_sample_size(samples: np.ndarray) -> np.ndarray:
    """The number of independent samples, [...], that samples [N, C, ...] of C chains are worth for
    their mean (Gelman et al. 2013, "Bayesian Data Analysis", third edition, section 11.5).
    """
    cross_chain_dims = 1 if samples.shape[1] > 1 else None
    sizes = tfp.mcmc.effective_sample_size(
        tf.constant(samples), filter_beyond_positive_pairs=True, cross_chain_dims=cross_chain_dims
    ).numpy()
    return sizes if cross_chain_dims else sizes[0]
