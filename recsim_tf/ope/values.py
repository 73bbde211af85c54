# SPDX-License-Identifier: Apache-2.0
"""Values of slates for doubly robust estimators."""

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any, Protocol

import numpy as np
import tensorflow as tf

from recsim_tf.core import nests, random
from recsim_tf.core.base.arguments import AtLeast, NotNegative, checked, require
from recsim_tf.core.base.types import Nest, Observation
from recsim_tf.core.simulator import Simulator
from recsim_tf.logs.densities import walk
from recsim_tf.logs.log import Log
from recsim_tf.logs.plans import SessionPlan
from recsim_tf.logs.trajectories import from_trajectory
from recsim_tf.ope.estimators import Values

_NUM_DRAWS = 8  # slates of the policy over which a value is averaged
# (observation of B users, slates int32 [B, K], -1 where nothing is shown) -> float [B, P]
Features = Callable[[Observation, tf.Tensor], tf.Tensor]
# (observation, slates, step, rows of the log) -> float [B], the mean return from the step on
Q = Callable[[Observation, tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


class QModel(Protocol):
    """A model of the values of slates."""

    def fit(self, policy: Any, log: Any, gamma: float, by_position: bool) -> Q:
        """Fits the mean return of slates from the step on at which they are shown, under `policy`.

        Args:
          policy: the policy to judge.
          log: the log from which it is judged, a `Log` or an object whose `pieces()` are logs.
          gamma: discount of each step.
          by_position: whether returns begin at the last filled position of a slate, whose later
            positions are still empty (-1); else they begin at the first position.
        """


@checked
@dataclasses.dataclass(frozen=True)
class SimulatedQ:
    """Values by ridge regression on sessions that are simulated with the policy to judge. The
    sessions have the candidates and the cuts of the log, see `SessionPlan`.

    Args:
      simulator: a model of the users, such as a fitted simulator.
      features: a function of observations and slates, by default `slate_features`.
      num_sessions: number of simulated sessions.
      ridge: the penalty, relative to the variance of a feature.
      seed: an integer, the seed of the sessions.

    Raises:
      ValueError: if `simulator` is not a simulator, or a number is out of range.
    """

    simulator: Simulator
    features: Features | None = None
    num_sessions: Annotated[int, AtLeast(2)] = 5000
    ridge: NotNegative = 1e-3
    seed: int = 0

    def fit(self, policy: Any, log: Any, gamma: float, by_position: bool) -> Q:
        """Fits the values, see `QModel.fit`."""
        plan = SessionPlan(self.simulator, log, self.num_sessions, self.seed)
        trajectory = plan.simulator.rollout(policy, self.num_sessions, plan.num_steps, self.seed)
        played = from_trajectory(trajectory, plan.simulator)
        played = played.cut(np.minimum(played.length, np.resize(plan.ends.last, self.num_sessions)))
        return _regression(played, self.features or slate_features, gamma, by_position, self.ridge)


@checked
@dataclasses.dataclass(frozen=True)
class Regression:
    """Values by ridge regression on the log itself, for sessions of one step. The value of a
    session is fitted to the other parts of the log (cross-fitting).

    Args:
      features, ridge: see `SimulatedQ`.
      num_parts: number of parts of the sessions, at least 2.

    Raises:
      ValueError: for a number out of range; from `fit` for sessions of several steps, and for a log
        in pieces.
    """

    features: Features | None = None
    ridge: NotNegative = 1e-3
    num_parts: Annotated[int, AtLeast(2)] = 5

    def fit(self, policy: Any, log: Any, gamma: float, by_position: bool) -> Q:
        """Fits the values, see `QModel.fit`."""
        require("log", log, Log)
        if log.max_length > 1:
            raise ValueError(
                "q must be a SimulatedQ where sessions have several steps, since later rewards"
                " depend on the policy, got a Regression"
            )
        features, part = self.features or slate_features, np.arange(log.num_sessions)
        fits = [
            _regression(
                log.take(part % self.num_parts != left_out),
                features,
                gamma,
                by_position,
                self.ridge,
            )
            for left_out in range(self.num_parts)
        ]

        def q(observation: Observation, slate: tf.Tensor, step: tf.Tensor, rows: tf.Tensor):
            values = tf.stack([fit(observation, slate, step, rows) for fit in fits], axis=1)
            return tf.gather(values, rows % self.num_parts, axis=1, batch_dims=1)

        return q


def slate_features(observation: Observation, slate: tf.Tensor) -> tf.Tensor:
    """The default features of slates, float32 [B, P].

    They are the user, the mean document, and a 1 for each filled position. If users and documents
    are vectors u and v of the same length, they also have <u, v>, its square and exp(<u, v>) of
    each position, and the logarithm of 1 plus the sum of the exponentials.
    """
    user, documents = _flat(observation.user, 1), _flat(observation.documents, 2)
    mask = tf.cast(slate >= 0, tf.float32)
    shown = nests.take(documents, tf.maximum(slate, 0)) * mask[..., tf.newaxis]
    parts = [user, tf.reduce_mean(shown, axis=1), mask]
    if user.shape[1] == documents.shape[2]:
        liked = tf.linalg.matvec(shown, user)
        masses = mask * tf.exp(liked)
        total = tf.math.log1p(tf.reduce_sum(masses, axis=1, keepdims=True))
        parts += [liked, liked**2, masses, total]
    return tf.concat(parts, axis=1)


def values_of(
    policy: Any, log: Any, model: QModel, gamma: float, by_position: bool, seed: int = 0
) -> Values:
    """The values of a log's slates, and their means under a policy, arrays [S, T, J].

    The means are over slates that the policy draws, or, by position, over all candidates given the
    earlier items. Values are 0 after the end of a session.
    """
    q = model.fit(policy, log, gamma, by_position)
    walked = walk({"policy": policy}, _by_position(q) if by_position else _by_slate(q, seed))
    pieces = [walked(piece) for piece in log.pieces()]
    logged, mean = (np.concatenate([each[name] for each in pieces]) for name in ("logged", "mean"))
    return Values(logged, mean)


def _by_slate(q: Q, seed: int) -> Callable:
    def of_step(distributions: Any, seen: Observation, slate: Any, step: Any, rows: tf.Tensor):
        step_seed = random.as_seed(seed) + tf.stack([step, rows[0]])
        drawn = [
            q(seen, random.sample(distributions[0], draw_seed), step, rows)
            for draw_seed in random.split_seed(step_seed, _NUM_DRAWS)
        ]
        values = {"logged": q(seen, slate, step, rows), "mean": tf.add_n(drawn) / _NUM_DRAWS}
        return {name: tf.cast(leaf, tf.float64)[:, tf.newaxis] for name, leaf in values.items()}

    return of_step


def _by_position(q: Q) -> Callable:
    def of_step(distributions: Any, seen: Observation, slate: Any, step: Any, rows: tf.Tensor):
        (distribution,) = distributions
        number = tf.nest.flatten(seen.documents)[0].shape[1]
        copies = tf.nest.map_structure(lambda leaf: tf.repeat(leaf, number, axis=0), (seen, rows))
        prefix = distribution.prefix_log_probs(slate)
        positions = np.arange(slate.shape[1])
        logged, means = [], []
        for position in positions:
            prefix_slate = tf.where(positions > position, -1, slate)
            logged.append(q(seen, prefix_slate, step, rows))
            # Each candidate in the place of the logged one: [N, B, K].
            candidate = tf.range(number)[:, tf.newaxis, tf.newaxis]
            tried = tf.where(positions == position, candidate, prefix_slate)
            log_probs = [
                distribution.prefix_log_probs(slates)[:, position]
                for slates in tf.unstack(tried, num=number)
            ]
            before = (
                prefix[:, position - 1, tf.newaxis] if position else tf.zeros_like(prefix[:, :1])
            )
            # The mean gets no weight where the policy cannot show the earlier items.
            is_possible = before > -np.inf
            ratios = tf.exp(tf.stack(log_probs, 1) - tf.where(is_possible, before, 0))
            probs = tf.where(is_possible, ratios, 0)
            flat = tf.reshape(tf.transpose(tried, [1, 0, 2]), [-1, len(positions)])
            values = tf.reshape(q(copies[0], flat, step, copies[1]), tf.shape(probs))
            means.append(tf.reduce_sum(tf.cast(probs, values.dtype) * values, axis=1))
        both = {"logged": tf.stack(logged, axis=1), "mean": tf.stack(means, axis=1)}
        return {name: tf.cast(leaf, tf.float64) for name, leaf in both.items()}

    return of_step


def _regression(log: Log, features: Features, gamma: float, by_position: bool, ridge: float) -> Q:
    """Values by ridge regression of the returns of a log's sessions from each step on, or, by
    position, from each position on.
    """
    factor, earned = log.discounts(gamma), log.earned
    by_step = (log.observation, log.slate, log.active)
    positions, later = np.arange(log.slate.shape[2]), np.zeros(log.num_sessions)
    table: list[np.ndarray] = []
    for step in reversed(range(log.max_length)):
        later = factor[:, step] * later
        observation, slate, active = tf.nest.map_structure(
            lambda leaf, step=step: leaf[:, step], by_step
        )
        by_rank = []
        for position in positions if by_position else positions[-1:]:
            prefix_slate = tf.constant(np.where(positions > position, -1, slate))
            inputs = features(observation, prefix_slate).numpy()[active]
            rest = earned[:, step, position if by_position else 0 :].sum(1)
            by_rank.append(_ridge(inputs, (rest + later)[active], ridge))
        table.append(np.stack(by_rank))
        later = later + earned[:, step].sum(1)
    coefficients = tf.constant(np.stack(table[::-1]), tf.float32)

    def q(observation: Observation, slate: tf.Tensor, step: tf.Tensor, rows: tf.Tensor):
        del rows
        # Steps beyond the longest session of this log get the values of its last step.
        of_step = tf.gather(coefficients, tf.minimum(step, len(table) - 1))
        num_shown = tf.math.count_nonzero(slate >= 0, axis=1, dtype=tf.int32)
        last = tf.clip_by_value(num_shown - 1, 0, of_step.shape[0] - 1)
        of_last = tf.gather(of_step, last)
        products = features(observation, slate) * of_last[:, 1:]
        return of_last[:, 0] + tf.reduce_sum(products, axis=1)

    return q


def _ridge(inputs: np.ndarray, targets: np.ndarray, penalty: float) -> np.ndarray:
    """The constant and the coefficients of a ridge regression, [1 + P]."""
    if not len(inputs):
        return np.zeros(1 + inputs.shape[1])
    center, scale = inputs.mean(0, dtype=np.float64), inputs.std(0, dtype=np.float64)
    scale = np.where(scale > 1e-6, scale, 1)
    scaled = (inputs - center) / scale
    gram = scaled.T @ scaled / len(inputs) + (penalty + 1e-9) * np.eye(len(center))
    coefficients = (
        np.linalg.solve(gram, scaled.T @ (targets - targets.mean()) / len(inputs)) / scale
    )
    return np.concatenate([[targets.mean() - coefficients @ center], coefficients])


def _flat(nest: Nest, num_axes: int) -> tf.Tensor:
    """The leaves of a nest, flattened after the first `num_axes` axes and joined: float32 [B, F],
    or [B, N, F].
    """

    def flat(leaf: tf.Tensor):
        leaf = tf.cast(leaf, tf.float32)
        return tf.reshape(
            leaf, [-1, *leaf.shape[1:num_axes], np.prod(leaf.shape[num_axes:], dtype=int)]
        )

    return tf.concat([flat(leaf) for leaf in tf.nest.flatten(nest)], axis=-1)
