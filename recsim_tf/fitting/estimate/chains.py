"""The likelihood of logs that lack draws of users, by chains of these latents for each session."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from recsim_tf.core import random
from recsim_tf.core.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Nest
from recsim_tf.fitting.logs import SessionLog, Sessions, scoring_simulator
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.sampling.latents import Latents

_NUM_LEAPFROG_STEPS = 5
_FIRST_STEP_SIZE = 0.1
_ACCEPTANCE = 0.75
# How fast the logarithm of a step size changes with the acceptance of its chains.
_ADAPTATION = 1.0
# The inverse temperature at which annealing begins.
_FIRST_BETA = 1e-5
# Of the annealing that estimates a likelihood: rises of the temperature, and moves at each.
_RISES, _MOVES = 160, 10


class Chains(NamedTuple):
    """C chains for each of S sessions."""

    positions: tf.Tensor  # [C, S, D], coordinates of `Latents`
    step_sizes: tf.Tensor  # [S]
    acceptance: tf.Tensor  # [C, S], of the last moves
    beta: tf.Tensor  # [], the inverse temperature, in [0, 1]


class ChainLikelihood:
    """The log-likelihood of sessions with latents, and its gradient by Fisher's identity: the mean
    gradient of the log-density of everything that was drawn, over the posterior of the latents.

    Args:
      fitted: its models score the log. A parameter may have a value for each session.
      log: in memory, without the users' initial draws, innovations or both.
      num_chains: C, of each session.
      jit_compile: whether to compile with XLA.
      seed: an integer.

    Attributes:
      chains: as they are, in variables.

    Raises:
      ValueError: for a log in pieces, one without sessions, or one of which nothing is latent.
    """

    is_bound = False
    initial_posterior = None
    num_particles = None
    num_draws = None

    def __init__(
        self, fitted: FittedSimulator, log: Sessions, num_chains: int, jit_compile: bool, seed: int
    ):
        if not isinstance(log, SessionLog):
            raise ValueError(f"log must be in memory for MonteCarloEM, got a {type(log).__name__}")
        if not log.num_sessions:
            raise ValueError("the log must have at least one session, got none")
        self.fitted, self.num_chains = fitted, num_chains
        self.num_sessions, self.num_steps = log.num_sessions, log.num_steps
        self.batch_size = log.num_sessions
        self.variables = fitted.variables
        self._seed = seed
        rows = np.tile(np.arange(self.num_sessions), num_chains)
        simulator = fitted.simulator.with_parameters(self._of_rows(fitted.values()))
        self._latents = Latents(simulator, log.take(rows), random.as_seed(seed))
        shape = [num_chains, self.num_sessions]
        start = tf.reshape(self._latents.start, [*shape, -1])
        zeros = tf.zeros(shape, start.dtype)
        self._start = Chains(start, zeros[0] + _FIRST_STEP_SIZE, zeros, zeros[0, 0])
        self.chains = Chains(*map(tf.Variable, self._start))
        wrap = compiled(jit_compile=jit_compile)
        self._iterate = wrap(self._moved)
        self._scores_of = wrap(self._row_scores)
        self._complete = wrap(self._complete_gradients)

    def move(self, beta: float, num_moves: int, seed) -> tuple[float, list[np.ndarray]]:
        """Lets the chains go on, at an inverse temperature that has risen.

        Args:
          beta: in [0, 1], at least what it was. Chains of a session are drawn anew in proportion to
            what the rise makes of their probabilities (Del Moral et al. 2006, "Sequential Monte
            Carlo samplers").
          num_moves: of Hamiltonian Monte Carlo, each of five leapfrog steps.
          seed: an integer or int32 [2].

        Returns:
          The mean log-density of everything that was drawn, summed over sessions, and its gradients
          in `variables`.
        """
        chains = Chains(*map(tf.convert_to_tensor, self.chains))
        chains, _, value, gradients = self._iterate(
            chains, tf.cast(beta, chains.beta.dtype), tf.constant(num_moves), random.as_seed(seed)
        )
        self._put(chains)
        return float(value), [gradient.numpy() for gradient in gradients]

    def restart(self) -> None:
        """Puts the chains where they began, at about draws from the prior."""
        self._put(self._start)

    def _put(self, chains: Chains) -> None:
        for variable, value in zip(self.chains, chains, strict=True):
            variable.assign(value)

    def total(self) -> tuple[float, list[np.ndarray]]:
        """The mean log-density of everything that was drawn, over the chains as they are, and its
        gradients.
        """
        value, gradients = self._complete(tf.convert_to_tensor(self.chains.positions))
        return float(value), [gradient.numpy() for gradient in gradients]

    def value(self) -> float:
        """The log-likelihood of the log, an estimate by annealed importance: the sum over the rises
        of the temperature of the logarithms of the chains' mean weights (Neal 2001, "Annealed
        importance sampling"; Del Moral et al. 2006). The chains of a search are left as they are.
        """
        chains, total = self._start, 0.0
        seeds = random.split_seed(random.as_seed(self._seed), _RISES)
        for number, seed in enumerate(seeds):
            beta = tf.cast(inverse_temperature(number, _RISES), chains.beta.dtype)
            chains, log_weights, *_ = self._iterate(chains, beta, tf.constant(_MOVES), seed)
            total += float(np.sum(log_weights))
        return total

    def _moved(self, chains: Chains, beta, num_moves, seed):
        resampling_seed, loop_seed = random.split_seed(seed, 2)
        before = chains.beta
        num_chains, num_sessions, _ = chains.positions.shape
        scorer = self._scorer()
        _, likelihood = self._parts(chains.positions, scorer)
        weights = tf.where(beta > before, (beta - before) * likelihood, tf.zeros_like(likelihood))
        log_weights = tf.reduce_logsumexp(weights, axis=0) - np.log(num_chains)
        ancestors = tfp.experimental.mcmc.resample_systematic(
            tf.nn.log_softmax(weights, axis=0), num_chains, (), seed=resampling_seed
        )
        keep = tf.broadcast_to(tf.range(num_chains)[:, tf.newaxis], [num_chains, num_sessions])
        ancestors = tf.where(beta > before, ancestors, keep)
        columns = tf.broadcast_to(tf.range(num_sessions), ancestors.shape)
        index = tf.stack([ancestors, columns], axis=-1)
        positions = tf.gather_nd(chains.positions, index)

        def target(positions):
            prior, likelihood = self._parts(positions, scorer)
            return prior + beta * likelihood

        kernel = tfp.mcmc.HamiltonianMonteCarlo(
            target, chains.step_sizes[:, tf.newaxis], _NUM_LEAPFROG_STEPS
        )

        def body(step, positions, results, total, seed):
            seed, move_seed = random.split_seed(seed, 2)
            positions, results = kernel.one_step(positions, results, seed=move_seed)
            accepted = tf.exp(tf.minimum(results.log_accept_ratio, 0))
            accepted = tf.where(tf.math.is_finite(accepted), accepted, tf.zeros_like(accepted))
            return step + 1, positions, results, total + accepted, seed

        results = kernel.bootstrap_results(positions)
        loop_vars = (0, positions, results, tf.zeros_like(likelihood), loop_seed)
        _, positions, _, total, _ = tf.while_loop(
            lambda step, *_: step < num_moves, body, loop_vars, parallel_iterations=1
        )
        acceptance = total / tf.cast(tf.maximum(num_moves, 1), total.dtype)
        # One for all chains of a session: that of a single chain would depend on where it is.
        excess = tf.reduce_mean(acceptance, axis=0) - _ACCEPTANCE
        step_sizes = chains.step_sizes * tf.exp(_ADAPTATION * excess)
        moved = Chains(positions, step_sizes, acceptance, beta)
        return moved, log_weights, *self._complete_gradients(positions)

    def _complete_gradients(self, positions):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.variables)
            prior, likelihood = self._parts(positions, self._scorer())
            total = tf.reduce_mean(tf.reduce_sum(prior + likelihood, axis=1))
        gradients = tape.gradient(
            total, self.variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return total, [tf.convert_to_tensor(gradient) for gradient in gradients]

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

    def session_scores(self) -> np.ndarray:
        """float64 [C, S, P]: the gradients of the log-density of everything that was drawn in each
        session, in the unconstrained parameters, at the positions of the chains.
        """
        scores = self._scores_of(tf.convert_to_tensor(self.chains.positions))
        flat = [np.reshape(each, [self.num_chains, self.num_sessions, -1]) for each in scores]
        return np.concatenate(flat, axis=2).astype(np.float64)

    def _row_scores(self, positions):
        """Of each parameter [C, S, ...]: every row has a copy of its own."""
        names = list(self.fitted.parameters)
        points = dict(zip(names, self.variables, strict=False))
        copies = self._copies(points)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(copies)
            values = {
                name: self.fitted.parameters[name].bijector.forward(copies[name]) for name in names
            }
            scorer = scoring_simulator(self.fitted.simulator.with_parameters(values))
            prior, likelihood = self._parts(positions, scorer)
            total = tf.reduce_sum(prior + likelihood)
        by_row = tape.gradient(total, copies, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        scores = []
        for name in names:
            gradient = tf.reshape(
                by_row[name], [self.num_chains, self.num_sessions, *by_row[name].shape[1:]]
            )
            if self._is_of_sessions(name, points[name]):
                # A value of each session is a parameter of that session alone.
                eye = tf.eye(self.num_sessions, dtype=gradient.dtype)
                gradient = tf.einsum("cs...,st->cst...", gradient, eye)
            scores.append(gradient)
        return scores

    def _scorer(self) -> Simulator:
        """With the variables, for all rows."""
        values = {
            name: tf.convert_to_tensor(self.fitted.simulator.parameters()[name])
            for name in self.fitted.parameters
        }
        rows = self._of_rows(values)
        return scoring_simulator(self.fitted.simulator.with_parameters(rows))

    def _parts(self, positions, scorer: Simulator) -> tuple[tf.Tensor, tf.Tensor]:
        """As `Latents.log_parts`, [C, S] of [C, S, D]."""
        num_chains, num_sessions, size = positions.shape
        parts = self._latents.log_parts(tf.reshape(positions, [-1, size]), scorer)
        prior, likelihood = (tf.reshape(part, [num_chains, num_sessions]) for part in parts)
        return prior, likelihood

    def _of_rows(self, values: dict[str, Any]) -> dict[str, Any]:
        """The values of parameters, those of sessions for all rows."""
        return {
            name: tf.tile(value, [self.num_chains, *[1] * (len(value.shape) - 1)])
            if self._is_of_sessions(name, value)
            else value
            for name, value in values.items()
        }

    def _copies(self, points: dict[str, Any]) -> dict[str, tf.Tensor]:
        """Points of parameters for each row."""
        num_rows = self.num_chains * self.num_sessions
        of_rows = self._of_rows(points)
        return {
            name: tf.convert_to_tensor(point)
            if self._is_of_sessions(name, points[name])
            else tf.broadcast_to(point, [num_rows, *point.shape])
            for name, point in of_rows.items()
        }

    def _is_of_sessions(self, name: str, value: Any) -> bool:
        return len(value.shape) > self.fitted.simulator.parameter_spec(name).rank


def inverse_temperature(number: int, count: int) -> float:
    """That of a step of an annealing in `count` steps, from 0, which ends at 1; 1 afterwards."""
    return 1.0 if number >= count else _FIRST_BETA ** (1 - (number + 1) / count)
