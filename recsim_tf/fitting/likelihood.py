"""The log-likelihood of logged sessions under a simulator's models."""

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Trajectory
from recsim_tf.fitting.particle_filter import marginal_log_prob
from recsim_tf.fitting.session_log import SessionLog, as_trajectory, scoring_simulator


def session_log_prob(simulator: Simulator, log: SessionLog) -> tf.Tensor:
    """[S]: the log-likelihood of each session's logged draws, those of the users; documents and slates are given.

    Args:
      simulator: its models score the log, differentiably in their parameters.
      log: with everything that its user model draws.
    """
    scorer = scoring_simulator(simulator)
    return scorer.log_prob(as_trajectory(log, scorer, log.num_sessions)).user


class LogLikelihood:
    """Log-likelihoods of a log's sessions and their gradients, by batches of one size in compiled functions.

    Args:
      simulator: its models score the log.
      log: with everything that its user model draws.
      variables: those to differentiate with respect to.
      batch_size: sessions that are scored at once; memory grows with it, and not with the log.
      jit_compile: whether to compile with XLA.
      num_particles: None where innovations were logged; else they are summed out by a particle filter, see `marginal_log_prob`.
      seed: of the particle filter, an integer; the same for every call but those of `minibatch`.
    """

    def __init__(
        self,
        simulator: Simulator,
        log: SessionLog,
        variables: list[tf.Variable],
        batch_size: int,
        jit_compile: bool = False,
        num_particles: int | None = None,
        seed: int = 0,
    ):
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        if not log.num_sessions:
            raise ValueError("the log must have at least one session, got none")
        self.num_sessions, self.num_steps = log.num_sessions, log.num_steps
        self.batch_size = batch_size = min(batch_size, log.num_sessions)
        self.variables = variables
        scorer = scoring_simulator(simulator)
        trajectory = as_trajectory(log, scorer, batch_size, latent=num_particles is not None)
        self._seed = random.as_seed(seed)

        def score(rows, seed):
            sessions = _take(trajectory, rows)
            return scorer.log_prob(sessions).user if num_particles is None else marginal_log_prob(scorer, sessions, num_particles, seed)

        def value_and_gradients(rows, weights, seed):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(variables)
                total = tf.reduce_sum(tf.where(weights > 0, score(rows, seed), 0) * weights)
            return total, tape.gradient(total, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)

        wrap = compiled(jit_compile=jit_compile)
        self._score, self._value_and_gradients = wrap(score), wrap(value_and_gradients)

    def minibatch(self, rows: tf.Tensor, seed=0) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """The sum over the sessions at positions int32 [batch_size], and its gradients; `seed` is that of the particle filter."""
        return self._value_and_gradients(rows, tf.ones([self.batch_size], self.variables[0].dtype), random.as_seed(seed))

    def by_session(self) -> np.ndarray:
        """[S]: each session's log-likelihood."""
        return np.concatenate([self._score(rows, self._seed).numpy()[: int(weights.numpy().sum())] for rows, weights in self._pieces()])

    def total(self) -> tuple[float, list[np.ndarray]]:
        """The sum over all sessions, and its gradients."""
        total, gradients = 0.0, [np.zeros(variable.shape, np.float64) for variable in self.variables]
        for rows, weights in self._pieces():
            value, parts = self._value_and_gradients(rows, weights, self._seed)
            total += float(value)
            gradients = [gradient + tf.convert_to_tensor(part).numpy() for gradient, part in zip(gradients, parts, strict=True)]
        return total, gradients

    def _pieces(self):
        """Batches (rows, weights) that go once through the log; the last one is filled up with weights of zero."""
        for start in range(0, self.num_sessions, self.batch_size):
            rows = np.arange(start, start + self.batch_size)
            weights = (rows < self.num_sessions).astype(self.variables[0].dtype.as_numpy_dtype)
            yield tf.constant(np.minimum(rows, self.num_sessions - 1), tf.int32), tf.constant(weights)


def _take(trajectory: Trajectory, rows: tf.Tensor) -> Trajectory:
    """The trajectory [T, B, ...] of the sessions at positions int32 [B]."""

    def take(leaf, axis):
        shape = leaf.shape.as_list()
        shape[axis] = rows.shape[0]
        return tf.ensure_shape(tf.gather(leaf, rows, axis=axis), shape)

    initial = tf.nest.map_structure(lambda leaf: take(leaf, 0), trajectory.initial)
    transitions = tf.nest.map_structure(lambda leaf: take(leaf, 1), trajectory.transitions)
    return Trajectory(initial, transitions, ())
