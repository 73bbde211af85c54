"""Log-probabilities of logged slates under a policy."""

from collections.abc import Callable, Collection, Mapping, Sequence
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

# Sessions at once.
_CHUNK = 4096


# (distributions [B], observation, action, step, rows int32 [B] of the log) -> tensors [B, ...]
OfStep = Callable[
    [Sequence[tfd.Distribution], Observation, Nest, tf.Tensor, tf.Tensor], Mapping[str, tf.Tensor]
]


def walk(
    policies: Mapping[str, StochasticPolicy], of_step: OfStep
) -> Callable[..., dict[str, tf.Tensor]]:
    """A function that goes through the sessions of a log with policies, and keeps what `of_step`
    says of each step: tensors [S, T, ...] by name, 0 where a session is over. Gradients go to the
    variables of the policies. It also takes the number of sessions at once.

    Args:
      policies: by their roles in errors. What they remember begins with each session, and follows
        the log's observations.
      of_step: is told the distributions that the policies decide on, and what was shown.

    Raises:
      ValueError: for a policy without a density; from the function for a log without observations.
    """
    for role, policy in policies.items():
        if not isinstance(policy, StochasticPolicy):
            raise ValueError(
                f"{role} must have a method decide, which gives the distribution of its slates, got"
                f" {type(policy).__name__}; one that always shows the same slate is"
                " policies.Deterministic(policy), any other one is judged by simulated and"
                " calibrated"
            )

    @compiled
    def of_chunk(observation: Observation, action: Nest, rows: tf.Tensor) -> dict[str, tf.Tensor]:
        num_sessions, num_steps = tf.nest.flatten(action)[0].shape[:2]

        def decided(step: tf.Tensor, states: Nest):
            seen, shown = tf.nest.map_structure(
                lambda leaf: tf.gather(leaf, step, axis=1), (observation, action)
            )
            pairs = zip(policies.values(), states, strict=True)
            distributions, states = zip(*(one.decide(seen, own) for one, own in pairs), strict=True)
            for role, distribution in zip(policies, distributions, strict=True):
                _check_fits(role, distribution, seen, shown)
            return dict(of_step(distributions, seen, shown, step, rows)), states

        def body(step: tf.Tensor, states: Nest, arrays: Nest):
            found, states = decided(step, states)
            return step + 1, states, nests.write(arrays, step, found)

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
                " probabilities themselves as propensity and target_propensity"
            )
        found = []
        for start in range(0, log.length.shape[0], at_once):
            given = tf.nest.map_structure(
                lambda leaf, start=start: tf.convert_to_tensor(leaf[start : start + at_once]),
                (log.observation, log.action),
            )
            rows = tf.range(start, min(start + at_once, log.length.shape[0]))
            part = traced_call(of_chunk, *given, rows)
            found.append({name: tf.einsum("tb...->bt...", leaf) for name, leaf in part.items()})
        return {
            name: where_active(log.active, tf.concat([part[name] for part in found], 0), 0)
            for name in found[0]
        }

    return of_log


def _check_fits(role: str, distribution: tfd.Distribution, seen: Observation, shown: Nest) -> None:
    """Requires slates of the log's size, of its candidates; raises `ValueError`."""
    if not isinstance(distribution, SlateDistribution) or tf.nest.is_nested(shown):
        return
    slate_size = getattr(distribution, "event_shape", [None])[-1]
    if slate_size is not None and slate_size != shown.shape[1]:
        raise ValueError(
            f"{role} must show slates of {shown.shape[1]} documents, as the log's, got {slate_size}"
        )
    logits = getattr(distribution, "logits", None)
    number = getattr(distribution, "num_candidates", logits.shape[-1] if logits is not None else 0)
    documents = tf.nest.flatten(seen.documents)[0].shape[1]
    if number and number != documents:
        raise ValueError(
            f"{role} must choose from the {documents} candidates of the log, got {number}"
        )


def where_active(active: Any, values: tf.Tensor, other: float) -> tf.Tensor:
    """Values [S, T, ...], another one where a session is over."""
    active = tf.reshape(active, [*active.shape, *[1] * (values.shape.rank - 2)])
    return tf.where(active, values, tf.cast(other, values.dtype))


def densities(
    policy: StochasticPolicy,
    names: Collection[str] = SlateLogProbs._fields,
    role: str = "policy",
) -> Callable[[Log], SlateLogProbs]:
    """A function from a log with observations to the log-probabilities of its slates.

    Args:
      policy, role: as in `walk`.
      names: fields of `SlateLogProbs`. Those that the policy's distribution does not have stay ().

    Raises:
      ValueError: as `walk`.
    """

    def of_step(distributions: Sequence, _: Observation, action: Nest, *__: tf.Tensor):
        return log_probs(distributions[0], action, names)

    walked = walk({role: policy}, of_step)
    return lambda log: SlateLogProbs(**{name: one.numpy() for name, one in walked(log).items()})


def missing_support(
    policy: StochasticPolicy, logging: StochasticPolicy, log: Any, seed: int = 0
) -> float:
    """The share of the slates that a policy draws where the log stands which the logging policy
    never shows. The log is a `Log`, or what has `pieces()`.
    """

    def of_step(distributions: Sequence, _: Any, __: Any, step: tf.Tensor, rows: tf.Tensor):
        own_seed = random.as_seed(seed) + tf.stack([step, rows[0]])
        return {"slate": random.sample(distributions[0], own_seed)}

    draw, density = walk({"policy": policy}, of_step), densities(logging, ["slate"], "logging")
    found = [density(piece._replace(**draw(piece))).slate[piece.active] for piece in log.pieces()]
    return float((np.concatenate(found) == -np.inf).mean())


def log_probs(
    distribution: tfd.Distribution, action: Nest, names: Collection[str]
) -> dict[str, tf.Tensor]:
    """float64, [B] or [B, K] by name."""
    found = {}
    if isinstance(distribution, SlateDistribution):
        prefix = distribution.prefix_log_probs(action)
        found = {"slate": prefix[:, -1], "prefix": prefix}
        if "position" in names and hasattr(distribution, "marginals"):
            found["position"] = position_log_probs(distribution.marginals(), action)
        if "set" in names and hasattr(distribution, "set_log_prob"):
            found["set"] = distribution.set_log_prob(action)
    else:
        # Of a slate and a query.
        found = {"slate": distribution.log_prob(action)}
    return {name: tf.cast(found[name], tf.float64) for name in names if name in found}


def position_log_probs(marginals: tf.Tensor, slate: tf.Tensor) -> tf.Tensor:
    """[B, K]: the log-probability of each position's item, of marginals [B, K, N]; of an empty
    position that it is empty.
    """
    probs = tf.gather(marginals, tf.maximum(slate, 0), batch_dims=2)
    empty = tf.maximum(1 - tf.reduce_sum(marginals, axis=-1), 0)
    return tf.math.log(tf.where(slate < 0, empty, probs))
