"""The log-likelihood of logged sessions under a simulator's models."""

import concurrent.futures
import functools
import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.adapters.episodes import session_spec
from recsim_tf.core import random
from recsim_tf.core.evidence import PreparingUsers, prepared_by
from recsim_tf.core.execution import compiled, num_side_by_side
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Nest, Trajectory
from recsim_tf.core.validation import check_at_least
from recsim_tf.fitting.likelihood.latent_class import find_latent_class
from recsim_tf.fitting.likelihood.particle_filter import marginal_log_prob
from recsim_tf.fitting.likelihood.proposals import summed_over_initial_draws
from recsim_tf.fitting.logs import SessionLog, Sessions, as_trajectory, scoring_simulator
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.parameters.mean_field import MeanField, posterior_of_initial_draws


def session_log_prob(simulator: Simulator, log: SessionLog) -> tf.Tensor:
    """[S]: the log-likelihood of each session, that is of the draws of its user. Documents and
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

    Where the log lacks the users' initial draws, each session gets a mean-field posterior of them,
    and a lower bound is computed; or they are summed out by `num_draws`. A finite part of the
    initial draws, such as the type of a user, is summed out exactly instead.

    Args:
      fitted: its models score the log.
      log: with everything else that its user model draws.
      batch_size: sessions that are scored at once by each core, see `total`; memory grows with it
        and with the number of cores, and not with the log.
      jit_compile, num_particles, num_draws: as of `fit`.
      seed: of the particle filter and of draws from posteriors, an integer; the same for every call
        that is not given another.

    Raises:
      ValueError: for an argument out of range, a log without sessions, or one that lacks what the
        models draw.
    """

    def __init__(
        self,
        fitted: FittedSimulator,
        log: Sessions,
        batch_size: int,
        jit_compile: bool = False,
        num_particles: int | None = None,
        seed: int = 0,
        num_draws: int | None = None,
    ):
        check_at_least(1, batch_size=batch_size)
        if not log.num_sessions:
            raise ValueError("the log must have at least one session, got none")
        self.fitted, self.log = fitted, log
        self.num_particles, self.num_draws = num_particles, num_draws
        self.num_sessions, self.num_steps = log.num_sessions, log.num_steps
        self.batch_size = batch_size = min(batch_size, log.num_sessions)
        self.variables = fitted.variables
        self.dtype = self.variables[0].dtype
        self._seed = random.as_seed(seed)
        self._scorer = scoring_simulator(fitted.simulator)
        self._spec = session_spec(self._scorer, batch_size)
        users, first = self._scorer.users, next(iter(log.pieces())).initial
        self._latent_class = latent_class = find_latent_class(users, first, batch_size)
        initial_posterior: MeanField | None = None
        lacks_draws = not tf.nest.flatten(first) and tf.nest.flatten(
            users.initial_draws(batch_size).dtype
        )
        if num_draws is not None and not (lacks_draws and latent_class is None):
            raise ValueError(
                "num_draws must be None for a log that has the users' initial draws, or lacks a"
                f" class alone, got {num_draws}"
            )
        self._latent_initial = lacks_draws and latent_class is None
        if self._latent_initial and num_draws is None:
            prior = users.initial_draws(log.num_sessions)
            initial_posterior = posterior_of_initial_draws(prior, self.dtype)
            self.variables = self.variables + initial_posterior.variables
        self.initial_posterior = initial_posterior
        self._converted: tuple[SessionLog, Trajectory] | None = None
        names = [name.removeprefix("users.") for name in fitted.parameters]
        # Made once: pieces of a stream come again in every pass.
        self._prepare = compiled(lambda draw: prepared_by(fitted.simulator.users, draw, names))

        def score(batch: Batch, seed):
            parameter_seed, initial_seed, particle_seed = random.split_seed(seed, 3)
            drawn = scoring_simulator(fitted.draw(parameter_seed))
            sessions, bonus = batch.trajectory, 0.0
            if initial_posterior is not None:
                prior = drawn.users.initial_draws(batch_size)
                initial, bonus = initial_posterior.draw(
                    prior.experimental_default_event_space_bijector(),
                    random.split_seed(initial_seed, len(tf.nest.flatten(initial_posterior.locs))),
                    batch.rows,
                )
                sessions = sessions._replace(initial=sessions.initial._replace(user=initial))

            def score_one(sessions):
                if num_particles is not None:
                    return marginal_log_prob(drawn, sessions, num_particles, particle_seed)
                return drawn.log_prob(sessions).user

            if num_draws is not None:
                return summed_over_initial_draws(
                    drawn.users, score_one, sessions, num_draws, initial_seed
                )
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

    @property
    def is_bound(self) -> bool:
        """Whether posteriors are fitted, so that a lower bound is computed, from draws."""
        return self.initial_posterior is not None or bool(self.fitted.posteriors)

    @functools.cached_property
    def num_batches(self) -> int:
        """Batches of one pass through the log."""
        return sum(-(-piece.num_sessions // self.batch_size) for piece in self.log.pieces())

    def _trajectories(self) -> Iterator[tuple[np.ndarray, Trajectory]]:
        """The length of the sessions of each piece, and their trajectory. A piece that comes again,
        as a log in memory does, is not converted again.
        """
        for piece in self.log.pieces():
            if self._converted is None or self._converted[0] is not piece:
                self._converted = piece, self._as_trajectory(piece)
            yield piece.length, self._converted[1]

    def _as_trajectory(self, piece: SessionLog) -> Trajectory:
        if self._latent_class is not None:
            # Some class, until it is summed out.
            classes = np.zeros(piece.num_sessions, np.int32)
            piece = piece._replace(initial=self._latent_class.put(piece.initial, classes))
        trajectory = as_trajectory(
            piece,
            self._scorer,
            self.batch_size,
            latent=self.num_particles is not None,
            latent_initial=self._latent_initial,
            spec=self._spec,
        )
        draws = trajectory.transitions.draws
        response = self._prepared_responses(draws.response)
        return trajectory._replace(
            transitions=trajectory.transitions._replace(draws=draws._replace(response=response))
        )

    def _prepared_responses(self, draws: Nest) -> Nest:
        """What the user model makes of draws [T, S, ...], a step at a time."""
        if not isinstance(self.fitted.simulator.users, PreparingUsers):
            return draws
        steps = [
            self._prepare(tf.nest.map_structure(lambda leaf, step=step: leaf[step], draws))
            for step in range(tf.nest.flatten(draws)[0].shape[0])
        ]
        return tf.nest.map_structure(lambda *leaves: tf.stack(leaves), *steps)

    def batches(self, generator: np.random.Generator | None = None) -> Iterator[Batch]:
        """Batches that go once through the log. The last batch of each piece is filled up with
        sessions of weight zero.

        Args:
          generator: None for the order of the log; else batches are random. Sessions of similar
            lengths are batched together, so that little time is spent on steps after their ends.
        """
        return (taken() for taken in self._lazy_batches(generator))

    def _lazy_batches(
        self, generator: np.random.Generator | None = None
    ) -> Iterator[Callable[[], Batch]]:
        """Functions that make the `batches`."""
        first = 0
        for length, trajectory in self._trajectories():
            order = np.arange(len(length))
            starts = np.arange(0, len(length), self.batch_size)
            if generator is not None:
                # Lengths that differ by a tenth or so count as similar.
                noise = np.exp(0.1 * generator.standard_normal(len(length)))
                order, starts = np.argsort(length * noise), generator.permutation(starts)
            for start in starts:
                rows = np.resize(order[start : start + self.batch_size], self.batch_size)
                weights = np.arange(start, start + self.batch_size) < len(length)
                yield functools.partial(self._taken, trajectory, rows, first, weights)
            first += len(length)

    def _taken(
        self, trajectory: Trajectory, rows: np.ndarray, first: int, weights: np.ndarray
    ) -> Batch:
        return Batch(
            take_sessions(trajectory, tf.constant(rows, tf.int32)),
            tf.constant(first + rows, tf.int32),
            tf.constant(weights, self.dtype),
        )

    def value_and_gradients(self, batch: Batch, seed=None) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """The sum over the sessions of a batch, and its gradients in `variables`. Without a seed
        the draws are the same in all calls.
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

    def value(self) -> float:
        """The sum over all sessions."""
        return self.total()[0]

    def total(self) -> tuple[float, list[np.ndarray]]:
        """The sum over all sessions, and its gradients. On a CPU as many batches are scored at a
        time as TensorFlow has threads.
        """
        total = 0.0
        gradients = [np.zeros(variable.shape, np.float64) for variable in self.variables]
        batches, num_cores = self._lazy_batches(), num_side_by_side()
        with concurrent.futures.ThreadPoolExecutor(num_cores) as pool:
            while several := list(itertools.islice(batches, num_cores)):
                # Summed in order, so that the sums do not depend on the number of cores.
                for value, parts in pool.map(
                    lambda take: self.value_and_gradients(take()), several
                ):
                    total += float(value)
                    gradients = [
                        gradient + part.numpy()
                        for gradient, part in zip(gradients, parts, strict=True)
                    ]
        return total, gradients


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
