"""Log-probabilities of logged slates under a policy."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests, random
from recsim_tf.core.distributions import SlateDistribution
from recsim_tf.core.execution import compiled
from recsim_tf.core.types import Nest, Observation, initial_policy_state
from recsim_tf.ope.log import Log, SlateLogProbs
from recsim_tf.policies.stochastic import StochasticPolicy

# Sessions at once.
_CHUNK = 4096


# (distribution [B], observation, action, step, rows int32 [B] of the log) -> tensors [B, ...]
OfStep = Callable[
    [tfd.Distribution, Observation, Nest, tf.Tensor, tf.Tensor], Mapping[str, tf.Tensor]
]


def walk(
    policy: StochasticPolicy, of_step: OfStep, role: str = "policy"
) -> Callable[[Log], dict[str, np.ndarray]]:
    """A function that goes through the sessions of a log with a policy, and keeps what `of_step`
    says of each step: arrays [S, T, ...] by name, 0 where a session is over.

    Args:
      policy: what it remembers begins with each session, and follows the log's observations.
      of_step: is told the distribution that the policy decides on, and what was shown.
      role: of the policy, in errors.

    Raises:
      ValueError: for a policy without a density; from the function for a log without observations.
    """
    if not isinstance(policy, StochasticPolicy):
        raise ValueError(
            f"{role} must have a method decide, which gives the distribution of its slates, got"
            f" {type(policy).__name__}; one that always shows the same slate is"
            " policies.Deterministic(policy), any other one is judged by simulated and calibrated"
        )

    @compiled
    def of_chunk(observation: Observation, action: Nest, rows: tf.Tensor) -> dict[str, tf.Tensor]:
        num_sessions, num_steps = tf.nest.flatten(action)[0].shape[:2]

        def decided(step: tf.Tensor, policy_state: Nest):
            seen, shown = tf.nest.map_structure(
                lambda leaf: tf.gather(leaf, step, axis=1), (observation, action)
            )
            distribution, policy_state = policy.decide(seen, policy_state)
            return dict(of_step(distribution, seen, shown, step, rows)), policy_state

        def body(step: tf.Tensor, policy_state: Nest, arrays: Nest):
            found, policy_state = decided(step, policy_state)
            return step + 1, policy_state, nests.write(arrays, step, found)

        state = initial_policy_state(policy, num_sessions)
        arrays = nests.arrays_like(decided(tf.constant(0), state)[0], num_steps)
        written = tf.while_loop(
            lambda *_: True, body, (0, state, arrays), maximum_iterations=num_steps
        )[-1]
        return nests.stack(written)

    def of_log(log: Log) -> dict[str, np.ndarray]:
        if not tf.nest.flatten(log.observation):
            raise ValueError(
                f"log.observation must be given to compute probabilities of the {role}, got ():"
                " from_table reads it as candidates=, or the probabilities themselves as"
                f" {'' if role == 'logging' else 'target_'}propensity"
            )
        found = []
        for start in range(0, log.num_sessions, _CHUNK):
            chunk = log.take(slice(start, start + _CHUNK))
            rows = tf.range(start, start + chunk.num_sessions)
            given = tf.nest.map_structure(tf.convert_to_tensor, (chunk.observation, chunk.action))
            # A call of the function itself warns of a trace for every policy.
            found.append(of_chunk.get_concrete_function(*given, rows)(*given, rows))
        return {
            name: log.where_active(
                np.concatenate([part[name].numpy().swapaxes(0, 1) for part in found])
            )
            for name in found[0]
        }

    return of_log


def densities(
    policy: StochasticPolicy,
    names: Collection[str] = SlateLogProbs._fields,
    role: str = "policy",
) -> Callable[[Log], SlateLogProbs]:
    """A function from a log with observations to the log-probabilities of its slates.

    Args:
      policy, role: as for `walk`.
      names: fields of `SlateLogProbs`. Those that the policy's distribution does not have stay ().

    Raises:
      ValueError: as `walk`.
    """

    def of_step(distribution: tfd.Distribution, _: Observation, action: Nest, *__: tf.Tensor):
        return _log_probs(distribution, action, names)

    walked = walk(policy, of_step, role)
    return lambda log: SlateLogProbs(**walked(log))


def missing_support(
    policy: StochasticPolicy, logging: StochasticPolicy, log: Any, seed: int = 0
) -> float:
    """The share of the slates that a policy draws where the log stands which the logging policy
    never shows. The log is a `Log`, or what has `pieces()`.
    """

    def of_step(distribution: tfd.Distribution, _: Any, __: Any, step: tf.Tensor, rows: tf.Tensor):
        own_seed = random.as_seed(seed) + tf.stack([step, rows[0]])
        return {"slate": random.sample(distribution, own_seed)}

    draw, density = walk(policy, of_step), densities(logging, ["slate"], "logging")
    found = [density(piece._replace(**draw(piece))).slate[piece.active] for piece in log.pieces()]
    return float((np.concatenate(found) == -np.inf).mean())


def _log_probs(
    distribution: tfd.Distribution, action: Nest, names: Collection[str]
) -> dict[str, tf.Tensor]:
    """float64, [B] or [B, K] by name."""
    found = {}
    if isinstance(distribution, SlateDistribution):
        prefix = distribution.prefix_log_probs(action)
        found = {"slate": prefix[:, -1], "prefix": prefix}
        if "position" in names and hasattr(distribution, "marginals"):
            found["position"] = _position_log_probs(distribution.marginals(), action)
        if "set" in names and hasattr(distribution, "set_log_prob"):
            found["set"] = distribution.set_log_prob(action)
    else:
        # Of a slate and a query.
        found = {"slate": distribution.log_prob(action)}
    return {name: tf.cast(found[name], tf.float64) for name in names if name in found}


def _position_log_probs(marginals: tf.Tensor, slate: tf.Tensor) -> tf.Tensor:
    """[B, K]: the log-probability of each position's item, of marginals [B, K, N]; of an empty
    position that it is empty.
    """
    probs = tf.gather(marginals, tf.maximum(slate, 0), batch_dims=2)
    empty = tf.maximum(1 - tf.reduce_sum(marginals, axis=-1), 0)
    return tf.math.log(tf.where(slate < 0, empty, probs))
