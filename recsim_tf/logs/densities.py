# SPDX-License-Identifier: Apache-2.0
"""Log-probabilities of logged slates under a policy."""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests, random
from recsim_tf.core.base.types import Nest, Observation, initial_policy_state
from recsim_tf.core.distributions import SlateDistribution
from recsim_tf.core.runs.execution import compiled, traced_call
from recsim_tf.logs.log import Log, SlateLogProbs
from recsim_tf.policies.stochastic import StochasticPolicy
from recsim_tf.support.errors import error_line

_CHUNK = 4096  # sessions that are computed at once


# (distributions [B], observation, action, step, rows int32 [B] of the log) -> tensors [B, ...]
OfStep = Callable[
    [Sequence[tfd.Distribution], Observation, Nest, tf.Tensor, tf.Tensor], Mapping[str, tf.Tensor]
]


def walk(
    policies: Mapping[str, StochasticPolicy], of_step: OfStep
) -> Callable[..., dict[str, tf.Tensor]]:
    """A function that follows the sessions of a log with policies, and returns the results of
    `of_step` for each step: tensors [S, T, ...] by name, 0 after the end of a session.

    Gradients flow to the variables of the policies. The second argument of the function is the
    number of sessions that are computed at once.

    Args:
      policies: policies by their roles, which errors name. The state of a policy begins with each
        session, and follows the log's observations.
      of_step: a function of the distributions of the policies' decisions and of the logged step.

    Raises:
      ValueError: for a policy without a density; from the function for a log without observations.
    """
    for role, policy in policies.items():
        if not isinstance(policy, StochasticPolicy):
            raise ValueError(
                f"{role} must have a method decide, which gives the distribution of its slates, got"
                f" {type(policy).__name__}; a policy that always shows the same slate is"
                " policies.Deterministic(policy), any other policy is judged by simulated and"
                " calibrated"
            )

    @compiled
    def of_chunk(observation: Observation, action: Nest, rows: tf.Tensor) -> dict[str, tf.Tensor]:
        num_sessions, num_steps = tf.nest.flatten(action)[0].shape[:2]

        def decided(step: tf.Tensor, states: Nest):
            seen, shown = tf.nest.map_structure(
                lambda leaf: tf.gather(leaf, step, axis=1), (observation, action)
            )
            decisions = []
            for (role, policy), state in zip(policies.items(), states, strict=True):
                with _asked(role):
                    decisions.append(policy.decide(seen, state))
            distributions, states = zip(*decisions, strict=True)
            for role, distribution in zip(policies, distributions, strict=True):
                _check_fits(role, distribution, seen, shown)
            return dict(of_step(distributions, seen, shown, step, rows)), states

        def body(step: tf.Tensor, states: Nest, arrays: Nest):
            results, states = decided(step, states)
            return step + 1, states, nests.write(arrays, step, results)

        state = tuple(initial_policy_state(policy, num_sessions) for policy in policies.values())
        arrays = nests.arrays_like(decided(tf.constant(0), state)[0], num_steps)
        written = tf.while_loop(
            lambda *_: True, body, (0, state, arrays), maximum_iterations=num_steps
        )[-1]
        return nests.stack(written)

    def of_log(log: Log, at_once: int = _CHUNK) -> dict[str, tf.Tensor]:
        if not tf.nest.flatten(log.observation):
            raise ValueError(
                "log.observation must be given to compute probabilities of the"
                f" {' and the '.join(policies)}, got (): from_table reads it as candidates=, or the"
                " probabilities themselves, of None or of a single policy beside a model, as"
                " propensity and target_propensity"
            )
        parts = []
        for start in range(0, log.length.shape[0], at_once):
            given = tf.nest.map_structure(
                lambda leaf, start=start: tf.convert_to_tensor(leaf[start : start + at_once]),
                (log.observation, log.action),
            )
            rows = tf.range(start, min(start + at_once, log.length.shape[0]))
            # Values that a policy does not accept are found when the graph runs.
            with _asked(" and ".join(policies), tf.errors.InvalidArgumentError):
                part = traced_call(of_chunk, *given, rows)
            parts.append({name: tf.einsum("tb...->bt...", leaf) for name, leaf in part.items()})
        return {
            name: where_active(log.active, tf.concat([part[name] for part in parts], 0), 0)
            for name in parts[0]
        }

    return of_log


@contextlib.contextmanager
def _asked(role: str, kind: type[Exception] = Exception) -> Iterator[None]:
    """Raises a ValueError in place of an error of a policy that is asked about a log."""
    try:
        yield
    except kind as error:  # A policy can raise anything.
        raise ValueError(
            f"{role} must accept the observations of the log, in which missing integers are -1"
            f" (logs.with_observations makes those of a simulator): {error_line(error)}"
        ) from error


def _check_fits(role: str, distribution: tfd.Distribution, seen: Observation, shown: Nest) -> None:
    """Raises a ValueError unless slates have the log's size, and choose from its candidates."""
    if not isinstance(distribution, SlateDistribution) or tf.nest.is_nested(shown):
        return
    slate_size = getattr(distribution, "event_shape", [None])[-1]
    if slate_size is not None and slate_size != shown.shape[1]:
        raise ValueError(
            f"{role} must show slates of {shown.shape[1]} documents, like the log, got {slate_size}"
        )
    logits = getattr(distribution, "logits", None)
    number = getattr(distribution, "num_candidates", logits.shape[-1] if logits is not None else 0)
    documents = tf.nest.flatten(seen.documents)[0].shape[1]
    if number and number != documents:
        raise ValueError(
            f"{role} must choose from the {documents} candidates of the log, got {number}"
        )


def where_active(active: Any, values: tf.Tensor, padding: float) -> tf.Tensor:
    """Values [S, T, ...], with `padding` after the end of a session."""
    active = tf.reshape(active, [*active.shape, *[1] * (values.shape.rank - 2)])
    return tf.where(active, values, tf.cast(padding, values.dtype))


def densities(
    policy: StochasticPolicy, names: Collection[str] = SlateLogProbs._fields, role: str = "policy"
) -> Callable[[Log], SlateLogProbs]:
    """A function from a log with observations to the log-probabilities of its slates.

    Args:
      policy, role: the policy and its role, see `walk`.
      names: fields of `SlateLogProbs`. Fields that the policy's distribution cannot compute stay
        ().

    Raises:
      ValueError: see `walk`.
    """

    def of_step(distributions: Sequence, _: Observation, action: Nest, *__: tf.Tensor):
        return log_probs(distributions[0], action, names)

    walked = walk({role: policy}, of_step)
    return lambda log: SlateLogProbs(**{name: leaf.numpy() for name, leaf in walked(log).items()})


def missing_support(
    policy: StochasticPolicy, logging: StochasticPolicy, log: Any, seed: int = 0
) -> float:
    """The share of slates that the logging policy never shows, among the slates that a policy draws
    at the steps of the log. The log is a `Log`, or an object whose `pieces()` are logs.
    """

    def of_step(distributions: Sequence, _: Any, __: Any, step: tf.Tensor, rows: tf.Tensor):
        step_seed = random.as_seed(seed) + tf.stack([step, rows[0]])
        return {"slate": random.sample(distributions[0], step_seed)}

    draw, density = walk({"policy": policy}, of_step), densities(logging, ["slate"], "logging")
    pieces = (piece._replace(**draw(piece)) for piece in log.pieces())
    drawn_log_probs = [density(piece).slate[piece.active] for piece in pieces]
    return float((np.concatenate(drawn_log_probs) == -np.inf).mean())


def log_probs(
    distribution: tfd.Distribution, action: Nest, names: Collection[str]
) -> dict[str, tf.Tensor]:
    """The log-probabilities of actions by field of `SlateLogProbs`, float64, [B] or [B, K]."""
    if isinstance(distribution, SlateDistribution):
        prefix = distribution.prefix_log_probs(action)
        values = {"slate": prefix[:, -1], "prefix": prefix}
        if "position" in names and hasattr(distribution, "marginals"):
            values["position"] = position_log_probs(distribution.marginals(), action)
        if "set" in names and hasattr(distribution, "set_log_prob"):
            values["set"] = distribution.set_log_prob(action)
    else:
        # The action is a slate and a query.
        values = {"slate": distribution.log_prob(action)}
    return {name: tf.cast(values[name], tf.float64) for name in names if name in values}


def position_log_probs(marginals: tf.Tensor, slate: tf.Tensor) -> tf.Tensor:
    """The log-probability of each position's item under marginals [B, K, N], [B, K]. An empty
    position has the log-probability that it is empty.
    """
    probs = tf.gather(marginals, tf.maximum(slate, 0), batch_dims=2)
    empty = tf.maximum(1 - tf.reduce_sum(marginals, axis=-1), 0)
    return tf.math.log(tf.where(slate < 0, empty, probs))
