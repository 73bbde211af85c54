# SPDX-License-Identifier: Apache-2.0
"""The fields of a session in an episode log, and the range of their values."""

import weakref
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tree

from recsim_tf.core.base.bounds import bounded_specs
from recsim_tf.core.base.types import InitialDraws, Nest, Seed, StepDraws, Transition
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step import turns
from recsim_tf.core.step.stages import OneSource

# Specs by simulator and number of users, cached since a trace takes tenths of a second.
_SPECS: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
_ROUNDING = 1e-5  # rounding error of log-probabilities near 0


class Session(NamedTuple):
    """A session of T steps, the element of an episode log."""

    initial: InitialDraws  # nests of [...]
    user: Nest  # nest of [T, ...], the observation before the slate
    documents: Nest  # nest of [T, N, ...], the observation before the slate
    slate: tf.Tensor  # int32 [T, K]
    draws: StepDraws  # nests of [T, ...]
    response: Nest  # nest of [T, K, ...]
    reward: tf.Tensor  # [T]
    is_terminal: tf.Tensor  # bool [T]
    is_truncated: tf.Tensor  # bool [T]
    query: Nest = ()  # nest of [T, ...], () where the simulator has no `query_spec`
    # Log-probability of the slate up to each position under the policy that showed it, [T, K]; ()
    # if it is unknown.
    log_prob: Nest = ()

    @classmethod
    def of(cls, initial: Nest, user: Nest, documents: Nest, transitions: Transition) -> "Session":
        """The session of initial draws, observations and transitions, with any leading axes."""
        return cls(
            initial=initial,
            user=user,
            documents=documents,
            slate=transitions.slate,
            draws=transitions.draws,
            response=transitions.response,
            reward=transitions.reward,
            is_terminal=transitions.terminated,
            is_truncated=transitions.truncated,
            query=transitions.query,
        )


def session_spec(simulator: Simulator, num_users: int = 1) -> Session:
    """The shapes and dtypes of a simulator's sessions: a `Session` of `tf.TensorSpec` without the
    time axis. The number of users matters if a parameter of the simulator is a tensor [B].
    """
    specs = _SPECS.setdefault(simulator, {})
    if num_users not in specs:
        specs[num_users] = _traced_spec(simulator, num_users)
    return specs[num_users]


def _traced_spec(simulator: Simulator, num_users: int) -> Session:
    if simulator.documents.shared:
        # The shapes of a session do not depend on the size of its world.
        simulator = simulator.replaced(users_per_world=1)
    specs = []

    @compiled
    def trace(seed: Seed):
        answers = OneSource(seed)
        initial = simulator.begin(num_users, answers)
        state = simulator.initial_state(initial)
        action = turns.some_turn(simulator, num_users).action
        _, transition, _ = simulator.advance(state, action, answers)
        observation = simulator.observe(state)
        session = Session.of(initial, observation.user, observation.documents, transition)
        rows = tf.nest.map_structure(
            lambda leaf: tf.TensorSpec(leaf.shape[1:], leaf.dtype), session
        )
        specs.append(rows)

    trace.get_concrete_function(tf.TensorSpec([2], tf.int32))
    return specs[0]


def name_of(path: tuple) -> str:
    """The name of the feature of a leaf of `Session`."""
    return "/".join(str(part) for part in path)


def is_context(name: str) -> bool:
    """True if a feature has one entry for a session, not one for each step."""
    return name.startswith("initial/") or name == "initial"


class Allowed(NamedTuple):
    """The allowed values of a feature: finite values from `low` to `high`."""

    dtype: np.dtype
    low: float
    high: float

    def __str__(self) -> str:
        if np.isinf(self.high):
            return "finite"
        if np.isinf(self.low):
            return "a log-probability, at most 0"
        is_flag = isinstance(self.low, int) and (self.low, self.high) == (0, 1)
        return "0 or 1" if is_flag else f"in [{self.low}, {self.high}]"


def allowed_values(simulator: Simulator, spec: Session) -> dict[str, Allowed]:
    """The allowed values of each feature of a `session_spec`. Floats are finite; integers are in
    the range that the model declares, or in that of their dtype; queries are in that of the
    simulator's `query_spec`.
    """
    observed = {
        "user": (spec.user, simulator.users.observation_bounds()),
        "documents": (spec.documents, simulator.documents.observation_bounds()),
    }
    limits = {
        leaf.name: (leaf.minimum, leaf.maximum)
        for name, (specs, bounds) in observed.items()
        for leaf in tf.nest.flatten(bounded_specs(name, specs, bounds))
        if leaf.dtype.is_integer
    }
    limits |= {"slate": (-1, simulator.num_candidates - 1), "log_prob": (-np.inf, _ROUNDING)}
    for path, leaf in tree.flatten_with_path(simulator.query_spec):
        limits[name_of(("query", *path))] = turns.limits(leaf)
    allowed = {}
    for path, leaf in tree.flatten_with_path(spec):
        ends = (leaf.dtype.min, leaf.dtype.max) if leaf.dtype.is_integer else (-np.inf, np.inf)
        if leaf.dtype.is_bool:
            ends = (0, 1)
        low, high = limits.get(name_of(path), ends)
        allowed[name_of(path)] = Allowed(
            leaf.dtype.as_numpy_dtype, np.min(low).item(), np.max(high).item()
        )
    return allowed


def check_values(session: Session, allowed: dict[str, Allowed]) -> None:
    """Checks that the values of a session are possible.

    Args:
      session: the session as it is stored, with integers and booleans as int64.
      allowed: the allowed values by feature, see `allowed_values`.

    Raises:
      ValueError: for the first value that is not allowed, with its feature.
    """
    for path, stored in tree.flatten_with_path(session):
        name = name_of(path)
        bad = _outside(stored, allowed[name])
        if np.any(bad):
            index = tuple(np.argwhere(bad)[0])
            step = "" if is_context(name) else f" at step {index[0]}"
            raise ValueError(f"feature {name} must be {allowed[name]}, got {stored[index]}{step}")
    last = len(session.reward) - 1
    for name in ("is_terminal", "is_truncated"):
        first = np.argmax(getattr(session, name))
        if getattr(session, name)[first] and first < last:
            raise ValueError(
                f"feature {name} must be 0 before the last step, got 1 at step {first}"
            )
    if session.is_terminal[last] and session.is_truncated[last]:
        raise ValueError(
            f"feature is_truncated must be 0 where is_terminal is 1, got 1 at step {last}"
        )


def _outside(stored: np.ndarray, allowed: Allowed) -> np.ndarray:
    """A mask of the values that are not allowed."""
    if stored.dtype.kind == "f":
        with np.errstate(over="ignore"):
            stored = stored.astype(allowed.dtype)
    bad = (stored < allowed.low) | (stored > allowed.high)
    return bad | ~np.isfinite(stored.astype(np.float64))
