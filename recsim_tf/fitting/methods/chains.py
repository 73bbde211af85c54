# SPDX-License-Identifier: Apache-2.0
"""The likelihood of logs that lack draws of users, by chains of these latents for each session."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.arguments import Count, checked, configurable
from recsim_tf.core.base.types import Nest, Seed
from recsim_tf.core.runs.execution import compiled, traced_call
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.methods import annealing
from recsim_tf.fitting.methods.annealing import AnnealedChains
from recsim_tf.fitting.methods.default import default_method
from recsim_tf.fitting.methods.information import Uncertainty, curvature_information
from recsim_tf.fitting.methods.latents import Latents
from recsim_tf.fitting.methods.method import Method
from recsim_tf.fitting.methods.monte_carlo_em import MonteCarloEM
from recsim_tf.fitting.methods.proposals import copied_simulator
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.parameters.unconstrained import differentiated
from recsim_tf.fitting.searches.objective import Objective
from recsim_tf.fitting.searches.search import Search
from recsim_tf.logs.log import Sessions
from recsim_tf.logs.trajectories import scoring_simulator
from recsim_tf.support.errors import one_line

# Of the annealing that estimates a likelihood: rises of the temperature, moves at each, and moves
# before the first of them.
_RISES, _MOVES, _PRIOR_MOVES = 160, 10, 20


@checked
@dataclasses.dataclass(frozen=True)
class LouisInformation(Uncertainty):
    """The observed information by Louis' identity: the mean curvature of the log-density of all
    draws, less the covariance of its gradients over the posterior of the draws that the log lacks
    (Louis 1982, "Finding the observed information matrix when using the EM algorithm").

    Args:
      sweeps: the number of sweeps of the chains, whose positions are taken for the posterior.
      num_moves: the moves of each chain between two sweeps.
      confidence: see `Uncertainty`.
    """

    sweeps: Count = 10
    num_moves: Count = 10

    def of(self, objective: Any) -> Callable[[], np.ndarray]:
        """See `Uncertainty.of`."""
        if objective.scores_fault:
            raise ValueError(
                "uncertainty of Chains must be None for parameters that the models do not read as"
                f" one value for each user, by `self.per_user`: {objective.scores_fault}"
            )
        return lambda: objective.information(self.sweeps, self.num_moves)


@configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class Chains(Method):
    """Markov chains of the draws that each session lacks, for logs that lack continuous initial
    draws, normal innovations or both.

    A parameter that is declared as one number may have a start for each session of the log.

    Args:
      num_chains: the chains of each session, at least 1.
      search: `MonteCarloEM()`, which is the default.
      uncertainty: `LouisInformation()`, which is the default, or None.
      jit_compile: whether to compile with XLA, which makes an iteration many times faster.
    """

    num_chains: Count = 50
    uncertainty: Uncertainty | None = dataclasses.field(default=LouisInformation(), kw_only=True)

    searches: ClassVar[tuple[type[Search], ...]] = (MonteCarloEM,)
    uncertainties: ClassVar[tuple[type[Uncertainty], ...]] = (LouisInformation,)
    by_session: ClassVar[bool] = True

    def search_of(self, fitted: FittedSimulator) -> Search:
        """See `Method.search_of`."""
        del fitted
        return MonteCarloEM() if self.search is None else self.search

    def objective(self, fitted: FittedSimulator, log: Sessions, seed: Seed = 0) -> "ChainObjective":
        """See `Method.objective`."""
        return ChainObjective(fitted, log, self.num_chains, self.jit_compile, seed)


class ChainObjective(Objective):
    """The log-likelihood of sessions with latents, and its gradient by Fisher's identity: the mean
    gradient of the log-density of all draws, over the posterior of the latents. Raises a ValueError
    for a log of which nothing is latent, and for parameters with posteriors; see `Chains` and
    `Method.objective`.

    Attributes:
      chains: the variables of the Markov chains.
    """

    def __init__(
        self,
        fitted: FittedSimulator,
        log: Sessions,
        num_chains: int,
        jit_compile: bool = False,
        seed: Seed = 0,
    ):
        super().__init__(fitted, log, max(log.num_sessions, 1))
        if fitted.posteriors:
            raise ValueError(
                "parameters must have no posterior with Chains(), got those of"
                f" {', '.join(fitted.posteriors)}"
            )
        self.num_chains, self._seed = num_chains, seed
        self._sessions = log.whole()
        self._latents, start = self._latents_and_chains()
        self.latents = f"{self._latents.described} drawn by {num_chains} chains of each session"
        self.chains = AnnealedChains(*map(tf.Variable, start))
        wrap = compiled(jit_compile=jit_compile)
        self._move = wrap(self._moved)
        self._scores_of = wrap(self._row_scores)
        self._complete = wrap(self._complete_gradients)
        self._likelihood = wrap(lambda at: self._latents.log_parts(at, self._scorer())[1])

    def begin(self) -> None:
        """Puts the chains at draws from about the prior at the present parameters."""
        self._assign(self._chains_at_prior())

    def _assign(self, chains: AnnealedChains) -> None:
        for variable, value in zip(self.chains, chains, strict=True):
            variable.assign(value)

    def move(self, beta: float, num_moves: int, seed: Seed) -> None:
        """Continues the chains at an inverse temperature, which may have risen; see
        `annealing.move`.
        """
        chains = AnnealedChains(*map(tf.convert_to_tensor, self.chains))
        beta = tf.cast(beta, chains.beta.dtype)
        chains, _ = traced_call(
            self._move, chains, beta, tf.constant(num_moves), random.as_seed(seed)
        )
        self._assign(chains)

    def first_inverse_temperature(self, chains: AnnealedChains | None = None) -> float:
        """The inverse temperature at which the likelihoods of the chains of a session differ by
        about one nat: their standard deviation, in the session where it is largest. The chains are
        at prior draws; by default those of the search.
        """
        positions = tf.convert_to_tensor((chains or self.chains).positions)
        likelihood = traced_call(self._likelihood, positions)
        likelihood = tf.where(tf.math.is_finite(likelihood), likelihood, 0)
        spread = float(tf.reduce_max(tf.math.reduce_std(likelihood, axis=0)))
        return float(np.clip(1 / max(spread, 1.0), annealing.FIRST_BETA, 1.0))

    def total(self) -> tuple[float, list[np.ndarray]]:
        """The mean log-density of everything that was drawn, over the chains as they are, summed
        over sessions, and its gradients in `variables`.
        """
        value, gradients = traced_call(self._complete, tf.convert_to_tensor(self.chains.positions))
        return float(value), [gradient.numpy() for gradient in gradients]

    def value(self) -> float:
        """See `Objective.value`. It is an estimate by annealed importance. The chains of a search
        are left as they are.
        """
        chains = self._chains_at_prior()
        prior_seed, seed = random.split_seed(random.as_seed(self._seed), 2)
        # Innovations begin at those of a first step.
        moves = tf.constant(_PRIOR_MOVES)
        chains, _ = traced_call(self._move, chains, chains.beta, moves, prior_seed)
        first = self.first_inverse_temperature(chains)
        _, by_session = annealing.anneal(self._move, chains, _RISES, _MOVES, seed, first=first)
        return float(np.sum(by_session))

    def known_log_density(self) -> float:
        """See `Objective.known_log_density`."""
        if any(map(self.fitted.is_of_sessions, self.fitted.parameters)):
            return np.nan
        method = default_method(self.fitted.simulator, self._sessions)
        return method.objective(self.fitted, self._sessions, self._seed).known_log_density()

    def _chains_at_prior(self) -> AnnealedChains:
        """At draws from about the prior at these parameters, in the units of this likelihood."""
        latents, chains = self._latents_and_chains()
        units = tf.reshape(latents.scale / self._latents.scale, chains.positions.shape)
        return chains._replace(positions=chains.positions * units)

    def _latents_and_chains(self) -> tuple[Latents, AnnealedChains]:
        simulator = self.fitted.simulator.with_parameters(self.fitted.values())
        seed = random.as_seed(self._seed)
        return annealing.chains_of(simulator, self._sessions, self.num_chains, seed)

    def _moved(self, chains: AnnealedChains, *options: tf.Tensor) -> tuple:
        """See `annealing.move`."""
        parts = functools.partial(self._latents.log_parts, scorer=self._scorer())
        return annealing.move(parts, chains, *options)

    def _complete_gradients(self, positions: tf.Tensor):
        def total():
            prior, likelihood = self._latents.log_parts(positions, self._scorer())
            return tf.reduce_mean(tf.reduce_sum(prior + likelihood, axis=1))

        return differentiated(total, self.variables)

    def initial_draws(self) -> Nest:
        """The means over the chains of the users' initial draws, a nest of [S, ...]; () where they
        were logged.
        """
        positions = tf.convert_to_tensor(self.chains.positions)
        flat = tf.reshape(positions, [1, -1, positions.shape[2]]).numpy()
        initial, _ = self._latents.values(flat)

        def mean(leaf):
            by_chain = [self.num_chains, self.num_sessions, *leaf.shape[2:]]
            return tf.reduce_mean(tf.reshape(leaf, by_chain), axis=0)

        return tf.nest.map_structure(mean, initial)

    def information(self, sweeps: int, num_moves: int) -> np.ndarray:
        """The observed information, float64 [P, P], see `LouisInformation`. The chains move."""
        scores, curvatures = [], []
        for sweep in range(sweeps):
            self.move(1.0, num_moves, seed=sweep)
            scores.append(self.session_scores())
            curvatures.append(curvature_information(self))
        by_chain = np.concatenate(scores)
        deviations = by_chain - by_chain.mean(axis=0)
        missing = np.einsum("csp,csq->pq", deviations, deviations) / len(by_chain)
        return np.mean(curvatures, axis=0) - missing

    def squared_scores(self) -> np.ndarray:
        """See `Objective.squared_scores`; the mean over chains."""
        return np.sum(self.session_scores() ** 2, axis=(0, 1)) / self.num_chains

    def session_scores(self) -> np.ndarray:
        """The gradients of the log-density of everything that was drawn in each session, in the
        unconstrained parameters, at the positions of the chains, float64 [C, S, P].
        """
        scores = traced_call(self._scores_of, tf.convert_to_tensor(self.chains.positions))
        flat = [np.reshape(each, [self.num_chains, self.num_sessions, -1]) for each in scores]
        return np.concatenate(flat, axis=2).astype(np.float64)

    @functools.cached_property
    def scores_fault(self) -> str:
        """Why there are no `session_scores`, or "": models may not read a parameter as one value
        for each user.
        """
        try:
            self.session_scores()
        except (ValueError, tf.errors.InvalidArgumentError) as error:
            return one_line(error)
        return ""

    def _row_scores(self, positions: tf.Tensor) -> list[tf.Tensor]:
        """The scores by parameter, [C, S, ...] each."""
        simulator = copied_simulator(self.fitted.simulator, self.num_chains)

        def log_prob(values):
            scorer = scoring_simulator(simulator.with_parameters(values))
            prior, likelihood = self._latents.log_parts(positions, scorer)
            return prior + likelihood

        by_row = self.fitted.row_scores(log_prob, self.num_chains * self.num_sessions)
        scores = []
        for name, gradient in by_row.items():
            gradient = tf.reshape(
                gradient, [self.num_chains, self.num_sessions, *gradient.shape[1:]]
            )
            if self.fitted.is_of_sessions(name):
                # A value of each session is a parameter of that session alone.
                eye = tf.eye(self.num_sessions, dtype=gradient.dtype)
                gradient = tf.einsum("cs...,st->cst...", gradient, eye)
            scores.append(gradient)
        return scores

    def _scorer(self) -> Simulator:
        """The simulator with the variables, for all rows."""
        values = {
            name: tf.convert_to_tensor(self.fitted.simulator.parameters()[name])
            for name in self.fitted.parameters
        }
        simulator = self.fitted.simulator.with_parameters(values)
        return scoring_simulator(copied_simulator(simulator, self.num_chains))
