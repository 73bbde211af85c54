"""The log-likelihood of logged sessions under a simulator's models."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.adapters.episodes import session_spec
from recsim_tf.core import random
from recsim_tf.core.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Trajectory
from recsim_tf.fitting.likelihood.latent_class import find_latent_class, placeholder
from recsim_tf.fitting.likelihood.particle_filter import marginal_log_prob
from recsim_tf.fitting.logs.session_log import SessionLog, as_trajectory, scoring_simulator
from recsim_tf.fitting.logs.session_stream import SessionStream
from recsim_tf.fitting.parameters.initial_posterior import InitialPosterior
from recsim_tf.fitting.parameters.parameter import FittedSimulator


def session_log_prob(simulator: Simulator, log: SessionLog) -> tf.Tensor:
    """[S]: the log-likelihood of each session's logged draws, those of the users; documents and
    slates are given.

    Args:
      simulator: its models score the log, differentiably in their parameters.
      log: with everything that its user model draws.
    """
    scorer = scoring_simulator(simulator)
    return scorer.log_prob(as_trajectory(log, scorer, log.num_sessions)).user


class Batch(NamedTuple):
    """Sessions that are scored at once."""

    trajectory: Trajectory  # [T, B, ...]
    rows: tf.Tensor  # int32 [B], their positions in the log
    weights: tf.Tensor  # [B], 0 for those that fill a batch up, else 1


class LogLikelihood:
    """Log-likelihoods of a log's sessions and their gradients, by batches of one size in compiled
    functions.

    Args:
      fitted: its models score the log.
      log: with everything that its user model draws, in memory or in pieces. A finite part of the
        initial draws, as the type of a user, may be missing; it is summed out.
      batch_size: sessions that are scored at once; memory grows with it, and not with the log.
      jit_compile: whether to compile with XLA.
      num_particles: None where innovations were logged; else they are summed out by particle
        filters, see `marginal_log_prob`.
      seed: of the particle filter and of draws from posteriors, an integer; the same for every call
        that is not given another.
      initial_posterior: None where initial draws were logged; else their posterior, and what is
        computed is a lower bound.
    """

    def __init__(
        self,
        fitted: FittedSimulator,
        log: SessionLog | SessionStream,
        batch_size: int,
        jit_compile: bool = False,
        num_particles: int | None = None,
        seed: int = 0,
        initial_posterior: InitialPosterior | None = None,
    ):
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        if not log.num_sessions:
            raise ValueError("the log must have at least one session, got none")
        self.num_sessions, self.num_steps = log.num_sessions, log.num_steps
        self.batch_size = batch_size = min(batch_size, log.num_sessions)
        self.variables = fitted.variables + (
            [] if initial_posterior is None else initial_posterior.variables
        )
        self._dtype = self.variables[0].dtype
        self._seed = random.as_seed(seed)
        scorer = scoring_simulator(fitted.simulator)
        spec = session_spec(scorer, batch_size)
        first = next(log.pieces()) if isinstance(log, SessionStream) else log
        latent_class = (
            None
            if initial_posterior is not None
            else find_latent_class(scorer.users, first.initial)
        )

        def prepared(piece: SessionLog) -> tuple[np.ndarray, Trajectory]:
            if latent_class is not None:
                piece = piece._replace(
                    initial=latent_class.put(piece.initial, placeholder(piece.num_sessions))
                )
            latent, latent_initial = num_particles is not None, initial_posterior is not None
            return piece.length, as_trajectory(
                piece, scorer, batch_size, latent, latent_initial, spec
            )

        held = None if isinstance(log, SessionStream) else [prepared(log)]

        def pieces() -> Iterable[tuple[np.ndarray, Trajectory]]:
            return map(prepared, log.pieces()) if isinstance(log, SessionStream) else held or []

        self._pieces = pieces

        def score(batch: Batch, seed):
            parameter_seed, initial_seed, particle_seed = random.split_seed(seed, 3)
            drawn = scoring_simulator(fitted.draw(parameter_seed))
            sessions, bonus = batch.trajectory, 0.0
            if initial_posterior is not None:
                prior = drawn.users.initial_draws(batch_size)
                initial, bonus = initial_posterior.draw(batch.rows, prior, initial_seed)
                sessions = sessions._replace(initial=sessions.initial._replace(user=initial))

            def score_one(sessions):
                if num_particles is not None:
                    return marginal_log_prob(drawn, sessions, num_particles, particle_seed)
                return drawn.log_prob(sessions).user

            if latent_class is None:
                return score_one(sessions) + bonus
            initials = [
                latent_class.put(sessions.initial.user, tf.fill([batch_size], number))
                for number in range(latent_class.num_classes)
            ]
            scores = [
                score_one(sessions._replace(initial=sessions.initial._replace(user=initial)))
                for initial in initials
            ]
            return tf.reduce_logsumexp(tf.stack(scores), axis=0)

        def value_and_gradients(batch: Batch, seed):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(self.variables)
                total = tf.reduce_sum(
                    tf.where(batch.weights > 0, score(batch, seed), 0) * batch.weights
                )
            gradients = tape.gradient(
                total, self.variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
            )
            return total, [tf.convert_to_tensor(gradient) for gradient in gradients]

        wrap = compiled(jit_compile=jit_compile)
        self._score, self._value_and_gradients = wrap(score), wrap(value_and_gradients)

    def batches(self, generator: np.random.Generator | None = None) -> Iterator[Batch]:
        """Batches that go once through the log; the last one of each of its pieces is filled up
        with weights of zero.

        Args:
          generator: None for the order of the log; else sessions are taken at random, those of like
            lengths together so that little time is spent on steps after their ends.
        """
        first = 0
        for length, trajectory in self._pieces():
            order = np.arange(len(length))
            # Lengths within a tenth or so of each other are alike.
            order = (
                order
                if generator is None
                else np.argsort(length * np.exp(0.1 * generator.standard_normal(len(length))))
            )
            starts = np.arange(0, len(length), self.batch_size)
            for start in starts if generator is None else generator.permutation(starts):
                rows = np.resize(order[start : start + self.batch_size], self.batch_size)
                weights = np.arange(start, start + self.batch_size) < len(length)
                yield Batch(
                    take_sessions(trajectory, tf.constant(rows, tf.int32)),
                    *self._constants(first + rows, weights),
                )
            first += len(length)

    def value_and_gradients(self, batch: Batch, seed=None) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """The sum over the sessions of a batch, and its gradients in `variables`.

        Args:
          batch: one of `batches`.
          seed: an integer or int32 [2]; None for the same in all calls.
        """
        return self._value_and_gradients(
            batch, self._seed if seed is None else random.as_seed(seed)
        )

    def by_session(self) -> np.ndarray:
        """[S]: each session's log-likelihood."""
        return np.concatenate(
            [
                self._score(batch, self._seed).numpy()[batch.weights.numpy() > 0]
                for batch in self.batches()
            ]
        )

    def total(self) -> tuple[float, list[np.ndarray]]:
        """The sum over all sessions, and its gradients."""
        total, gradients = (
            0.0,
            [np.zeros(variable.shape, np.float64) for variable in self.variables],
        )
        for batch in self.batches():
            value, parts = self._value_and_gradients(batch, self._seed)
            total += float(value)
            gradients = [
                gradient + part.numpy() for gradient, part in zip(gradients, parts, strict=True)
            ]
        return total, gradients

    def _constants(self, rows: np.ndarray, weights: np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.constant(rows, tf.int32), tf.constant(weights, self._dtype)


@compiled
def take_sessions(trajectory: Trajectory, rows: tf.Tensor) -> Trajectory:
    """The trajectory [T, B, ...] of the sessions at positions int32 [B]."""

    def take(leaf, axis):
        shape = leaf.shape.as_list()
        shape[axis] = rows.shape[0]
        return tf.ensure_shape(tf.gather(leaf, rows, axis=axis), shape)

    initial = tf.nest.map_structure(lambda leaf: take(leaf, 0), trajectory.initial)
    transitions = tf.nest.map_structure(lambda leaf: take(leaf, 1), trajectory.transitions)
    return Trajectory(initial, transitions, ())
