# SPDX-License-Identifier: Apache-2.0
"""Logs from trajectories, episode files and simulations, and trajectories from logs."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core import nests
from recsim_tf.core.base.arguments import Count, checked, configurable
from recsim_tf.core.base.types import (
    InitialDraws,
    Nest,
    StepDraws,
    Trajectory,
    Transition,
)
from recsim_tf.core.random import Seed, split_seed
from recsim_tf.core.runs.execution import compiled, traced_call
from recsim_tf.core.simulator import Simulator
from recsim_tf.logs import episodes
from recsim_tf.logs.densities import densities
from recsim_tf.logs.episodes import Session, session_spec
from recsim_tf.logs.log import Log, SlateLogProbs, repeat_last_step
from recsim_tf.logs.log_stream import LogStream
from recsim_tf.logs.logged_documents import without_log
from recsim_tf.logs.observations import observed
from recsim_tf.policies.random import random_policy

# Users of a rollout. The number is limited, since a rollout holds all candidates of all steps.
_USERS_AT_ONCE = 1000


@checked
def from_trajectory(
    trajectory: Trajectory,
    simulator: Simulator | None = None,
    *,
    logging: Any = None,
    reward_by_position: Callable[[Transition], tf.Tensor] | None = None,
) -> Log:
    """The log of single-session rollouts: the documents shown, all draws of the users, and rewards.

    Args:
      trajectory: the trajectory of a rollout with `auto_reset=False` and new users, [T, B, ...].
      simulator: the simulator of the trajectory. With it the log also has observations, so that
        other policies can be judged from it. Users who share a corpus need it.
      logging: the `StochasticPolicy` that acted, whose probabilities the log gets; or None.
      reward_by_position: a function of a transition [B, ...] to the rewards of positions, [B, K].
        By default the reward of a step belongs to its click. If that is ambiguous, since there are
        several clicks with rewards other than 1 or rewards without a click, the log has the rewards
        of whole slates.

    Raises:
      ValueError: for a trajectory with several sessions in a row, or with a given initial state;
        for one whose slates or draws are not those of `simulator`; for users who share a corpus
        without `simulator` or with `logging`; or if rewards by position do not add up to the
        reward.
    """
    if simulator is not None:
        _check_logging(simulator, logging)
    trajectory.require_single_session()
    trajectory.require_new_users()
    if simulator is not None:
        _require_rollout_of(simulator, trajectory)
    shared = simulator is not None and simulator.documents.shared
    log = _with_rewards(_log_of_draws(trajectory, shared), trajectory, reward_by_position)
    if simulator is None or shared:
        return log.check()
    log = log._replace(observation=_by_session(observed(simulator, trajectory), log.length))
    return _with_probabilities(log.check(), logging)


def _require_rollout_of(simulator: Simulator, trajectory: Trajectory) -> None:
    """Raises a ValueError if the slates or the draws of a trajectory do not have the shapes and
    types of a simulator's.
    """
    transitions = trajectory.transitions
    num_users, slate_size = transitions.slate.shape[1:]
    must = "trajectory must be a rollout of the simulator"
    if slate_size != simulator.slate_size:
        raise ValueError(f"{must}, with slate_size={simulator.slate_size}, got {slate_size}")
    spec = session_spec(simulator, num_users)
    for part, axes, drawn, expected in (
        ("at the start of sessions", 1, trajectory.initial, spec.initial),
        ("in steps", 2, transitions.draws, spec.draws),
    ):
        given = tf.nest.map_structure(
            lambda leaf, axes=axes: tf.TensorSpec(leaf.shape[axes:], leaf.dtype), drawn
        )
        if given != expected:
            raise ValueError(f"{must}, got other draws of users and documents {part}")


def from_rollout(trajectory: Trajectory, simulator: Simulator, logging: Any) -> Log:
    """The log of sessions that may have begun with a given state, without the users' initial draws.
    The arguments are those of `from_trajectory`.
    """
    log = _log_of_draws(trajectory, False)._replace(initial=())
    log = _with_rewards(log, trajectory, None)
    log = log._replace(observation=_by_session(observed(simulator, trajectory), log.length))
    return _with_probabilities(log.check(), logging)


def _log_of_draws(trajectory: Trajectory, shared: bool) -> Log:
    """A log with the documents shown and all draws of the users."""
    transitions, draws = trajectory.transitions, trajectory.transitions.draws
    positions = tf.maximum(transitions.slate, 0)
    resampled = bool(tf.nest.flatten(draws.candidates))
    num_users, num_corpora = positions.shape[1], nests.batch_size(trajectory.initial.candidates)
    if num_corpora != num_users and not shared:
        raise ValueError(
            f"simulator must be given for a trajectory of {num_users} users with {num_corpora}"
            " corpora"
        )

    def shown(candidates):
        """The documents shown, [T, B, K, ...], among candidates [T, W, N, ...]."""
        by_user = tf.repeat(candidates, num_users // num_corpora, axis=1)
        return tf.gather(by_user, positions, batch_dims=2)

    def shown_of_first(first):
        return shown(tf.repeat(first[tf.newaxis], positions.shape[0], axis=0))

    if resampled:
        documents = tf.nest.map_structure(
            lambda first, later: shown(tf.concat([first[tf.newaxis], later[:-1]], axis=0)),
            trajectory.initial.candidates,
            draws.candidates,
        )
        hidden = tf.nest.map_structure(shown, draws.hidden) if shared else draws.hidden
    else:
        documents, hidden = tf.nest.map_structure(
            shown_of_first, (trajectory.initial.candidates, trajectory.initial.hidden)
        )
    length = tf.reduce_sum(tf.cast(transitions.active, tf.int32), axis=0).numpy()

    def by_session(nest):
        return _by_session(nest, length)

    return Log(
        length=length,
        departed=tf.reduce_any(transitions.terminated, axis=0).numpy(),
        initial=_as_numpy(trajectory.initial.user),
        documents=by_session(documents),
        shown=by_session(transitions.slate >= 0),
        hidden=by_session(hidden),
        response=by_session(draws.response),
        innovation=by_session(draws.innovation),
        query=by_session(transitions.query),
        slate=by_session(transitions.slate),
        discount=by_session(transitions.user_discount),
    )


def _with_rewards(
    log: Log, trajectory: Trajectory, reward_by_position: Callable[[Transition], tf.Tensor] | None
) -> Log:
    """The log with rewards by position if these add up to the rewards, else of whole slates."""
    transitions = trajectory.transitions
    reward = _by_session(transitions.reward, log.length)
    by_position = _by_session(_rewards(transitions, reward_by_position), log.length)
    differs = np.abs(by_position.sum(2) - reward) > 1e-4 * (1 + abs(reward))
    wrong = np.argwhere(log.where_active(differs))
    if not len(wrong):
        return log._replace(reward=by_position)
    if reward_by_position is not None:
        session, step = wrong[0]
        raise ValueError(
            f"reward_by_position must add up to the reward {reward[session, step]:g}, got"
            f" {by_position[session, step].sum():g} at session {session}, step {step}"
        )
    return log._replace(reward=reward[..., np.newaxis])


def _rewards(
    transitions: Transition, reward_by_position: Callable[[Transition], tf.Tensor] | None
) -> tf.Tensor:
    """The rewards of positions, [T, B, K]."""
    if reward_by_position is not None:
        steps = range(transitions.reward.shape[0])
        return tf.stack([reward_by_position(nests.at_step(transitions, step)) for step in steps])
    clicked = tf.cast(transitions.response.clicked, transitions.reward.dtype)
    is_single = tf.reduce_sum(clicked, axis=-1) <= 1
    return clicked * tf.where(is_single, transitions.reward, 1)[..., tf.newaxis]


def _with_probabilities(log: Log, logging: Any) -> Log:
    if logging is None:
        return log
    return log._replace(propensity=densities(logging, role="logging")(log)).check()


@checked
def from_episodes(
    path: str | os.PathLike,
    simulator: Simulator,
    *,
    logging: Any = None,
    reward_by_position: Callable[[Transition], tf.Tensor] | None = None,
) -> Log:
    """The log of an episode file, see `recsim_tf.logs.episodes`, in the order of the file.

    Args:
      path: the file. `recsim-tf simulate --episode_file` writes probabilities into it if the policy
        has them.
      simulator: a simulator with the same models and sizes as that of the file. Observations are
        read from the file; they do not depend on the parameters of the simulator.
      logging, reward_by_position: see `from_trajectory`. Without `logging` the log has the
        probabilities of the file, if there are any.

    Raises:
      ValueError: see `from_trajectory` and `episodes.read`; and if there are no sessions.
    """
    _check_logging(simulator, logging)
    read = episodes.read(path, simulator)
    trajectory = read.trajectory()
    shared = simulator.documents.shared
    log = _with_rewards(_log_of_draws(trajectory, shared), trajectory, reward_by_position)
    if shared:
        return log.check()
    user, documents, log_prob = read.observed()
    seen = observed(simulator, trajectory)._replace(user=user, documents=documents)
    log = log._replace(observation=_by_session(seen, log.length))
    if logging is None and not isinstance(log_prob, tuple):
        prefix = _by_session(log_prob, log.length)
        log = log._replace(propensity=SlateLogProbs(slate=prefix[..., -1], prefix=prefix))
    return _with_probabilities(log.check(), logging)


@checked
def stream_episodes(
    path: str | os.PathLike, simulator: Simulator, sessions_at_once: Count = 1000
) -> LogStream:
    """The sessions of an episode file in pieces, without observations.

    The pieces are read from the file in each pass, so that memory does not grow with the file.
    Minibatches are drawn at random within a piece, so the order of the sessions in the file should
    be random.

    Args:
      path, simulator: see `from_episodes`.
      sessions_at_once: number of sessions of a piece, at least 1.

    Raises:
      ValueError: see `episodes.read`; for a number below 1, and if there are no sessions.
    """
    read, shared = episodes.read(path, simulator), simulator.documents.shared
    return LogStream(
        lambda: (_log_of_draws(each, shared) for each in read.trajectories(sessions_at_once))
    )


def _check_logging(simulator: Simulator, logging: Any) -> None:
    if simulator.documents.shared and logging is not None:
        raise ValueError(
            "simulator must have a corpus for each user if logging is given: sessions of users who"
            " share a corpus are not independent"
        )


def _by_session(nest: Nest, length: np.ndarray) -> Nest:
    """Tensors [T, S, ...] as arrays [S, T, ...] that repeat the last step of ended sessions."""
    return repeat_last_step(_as_numpy(tf.nest.map_structure(_swap_axes, nest)), length)


def concatenated(trajectories: Sequence[Trajectory]) -> Trajectory:
    """A single trajectory [T, B, ...] with the sessions of several trajectories."""
    initial = tf.nest.map_structure(
        lambda *leaves: tf.concat(leaves, axis=0), *(each.initial for each in trajectories)
    )
    transitions = tf.nest.map_structure(
        lambda *leaves: tf.concat(leaves, axis=1), *(each.transitions for each in trajectories)
    )
    return trajectories[0]._replace(initial=initial, transitions=transitions)


@compiled
def take_sessions(
    trajectory: Trajectory, rows: tf.Tensor, num_steps: int | None = None
) -> Trajectory:
    """The trajectory [T, B, ...] of the sessions at positions int32 [B]; of their first steps where
    there is a number of them.
    """

    def take(leaf, axis):
        shape = leaf.shape.as_list()
        shape[axis] = rows.shape[0]
        return tf.ensure_shape(tf.gather(leaf, rows, axis=axis), shape)

    initial = tf.nest.map_structure(lambda leaf: take(leaf, 0), trajectory.initial)
    transitions = tf.nest.map_structure(
        lambda leaf: take(leaf, 1)[:num_steps], trajectory.transitions
    )
    return Trajectory(initial, transitions, ())


def scoring_simulator(simulator: Simulator) -> Simulator:
    """A simulator with the same models, whose candidates are the documents that a log shows. Raises
    a ValueError if documents depend on the state of a corpus that users share.
    """
    simulator = without_log(simulator.by_session("a log"))
    return Simulator(
        simulator.users,
        simulator.documents,
        simulator.slate_size,
        simulator.slate_size,
        simulator.reward_fn,
        query_spec=simulator.query_spec,
        users_per_world=simulator.users_per_world,
    )


def as_trajectory(
    log: Log,
    simulator: Simulator,
    num_users: int,
    latent: bool = False,
    spec: Session | None = None,
) -> Trajectory:
    """The log as a trajectory [T, S, ...] of a `scoring_simulator`, with its log-probability.

    Args:
      log: a log with all draws of the simulator's user model.
      simulator: a simulator from `scoring_simulator`.
      num_users: number of sessions that are scored at once. A parameter may have a value for each.
      latent: whether innovations are latent. The trajectory then has zeros in their place.
      spec: `session_spec(simulator, num_users)`, if it was computed before.

    Raises:
      ValueError: if the log lacks draws of the models, has another slate size, or has queries
        although the simulator has no `query_spec`, or no queries although it has a `query_spec`.
    """
    if log.slate_size != simulator.slate_size:
        raise ValueError(
            f"the log must have slates of slate_size={simulator.slate_size} documents, got"
            f" {log.slate_size}"
        )
    if tf.nest.flatten(log.query) and not tf.nest.flatten(simulator.query_spec):
        raise ValueError("the simulator must have a query_spec for a log with queries, got none")
    spec = spec or session_spec(simulator, num_users)
    innovation = by_field(spec.draws.innovation, log.innovation, "innovation")
    by_step = {
        "hidden": _matching("hidden", log.hidden, spec.draws.hidden),
        "response": _matching("response", log.response, spec.draws.response),
        "innovation": (
            _zeros(log, spec.draws.innovation)
            if latent
            else _matching("innovation", innovation, spec.draws.innovation)
        ),
    }
    documents = _matching("documents", log.documents, spec.draws.candidates)
    logged = by_field(spec.initial.user, log.initial)
    initial = _matching("initial", logged, spec.initial.user)
    log.require("a model of logged sessions", "departed")
    is_last = tf.range(log.max_length) == tf.convert_to_tensor(log.length)[:, tf.newaxis] - 1
    terminated = is_last & tf.convert_to_tensor(log.departed)[:, tf.newaxis]
    next_documents = tf.nest.map_structure(
        lambda leaf: tf.concat([leaf[:, 1:], leaf[:, -1:]], axis=1), documents
    )
    departure = tf.nest.map_structure(
        lambda leaf: tf.cast(terminated, leaf.dtype), spec.draws.departure
    )
    transitions = Transition(
        slate=tf.where(tf.convert_to_tensor(log.shown), tf.range(log.slate_size), -1),
        draws=StepDraws(departure=departure, candidates=next_documents, **by_step),
        response=_zeros(log, spec.response),
        reward=tf.zeros(log.shown.shape[:2], spec.reward.dtype),
        active=tf.convert_to_tensor(log.active),
        terminated=terminated,
        truncated=is_last & ~terminated,
        query=_matching("query", log.query, simulator.query_spec, "the query_spec"),
    )
    first = tf.nest.map_structure(lambda leaf: leaf[:, 0], documents)
    return Trajectory(
        InitialDraws(initial, (), first, ()), tf.nest.map_structure(_swap_axes, transitions), ()
    )


def by_field(spec: Nest, logged: Nest, stage: str = "initial") -> Nest:
    """Logged draws of users in the structure of TensorSpecs `spec`.

    A mapping may name fields of a NamedTuple; the other fields become (). For draws that are a
    single tensor, a mapping has a single key, whose name does not matter. Raises a ValueError for
    unknown names, with the stage of the draws, "initial" or "innovation".
    """
    fields = nests.fields_of(spec)
    if not isinstance(logged, Mapping) or isinstance(spec, Mapping):
        return logged
    if isinstance(spec, tf.TensorSpec) and len(logged) == 1:
        return next(iter(logged.values()))
    if unknown := [name for name in logged if name not in fields]:
        allowed = f"of {', '.join(fields)}" if fields else "absent: the model's draws have no names"
        raise ValueError(f"names of the log's {stage} draws must be {allowed}, got {unknown[0]}")
    return type(spec)(**{name: logged.get(name, ()) for name in fields})


def _zeros(log: Log, spec: Nest) -> Nest:
    return tf.nest.map_structure(
        lambda leaf: tf.zeros([*log.shown.shape[:2], *leaf.shape], leaf.dtype), spec
    )


def _matching(name: str, nest: Nest, spec: Nest, source: str = "the draws of the models") -> Nest:
    """The nest as tensors of the structure and dtypes of a spec."""
    if not tf.nest.flatten(spec):
        return ()
    leaves, specs = tf.nest.flatten(nest), tf.nest.flatten(spec)
    if len(leaves) != len(specs):
        fields = ", ".join(f"{leaf.dtype.name} {list(leaf.shape)}" for leaf in specs)
        raise ValueError(
            f"the log's {name} must match {source}, {fields}, got {len(leaves)} arrays"
        )
    return tf.nest.pack_sequence_as(
        spec, [_cast(name, leaf, like.dtype) for leaf, like in zip(leaves, specs, strict=True)]
    )


def _cast(name: str, leaf: Any, dtype: tf.DType) -> tf.Tensor:
    """The leaf with another dtype. NaN, which marks missing values, becomes -1 in integers. Raises
    a ValueError for numbers that are not whole where the models draw integers.
    """
    leaf = np.asarray(leaf)
    if leaf.dtype.kind == "f" and dtype.is_integer:
        leaf = np.where(np.isnan(leaf), -1, leaf)
        if len(fractions := leaf[np.floor(leaf) != leaf]):
            raise ValueError(
                f"the log's {name} must be whole numbers, as the models draw them, got"
                f" {fractions[0]:g}"
            )
    return tf.cast(leaf, dtype)


def _swap_axes(leaf: tf.Tensor) -> tf.Tensor:
    """The leaf with its first two axes swapped."""
    return tf.transpose(leaf, [1, 0, *range(2, len(leaf.shape))])


def _as_numpy(nest: Nest) -> Nest:
    return tf.nest.map_structure(lambda leaf: tf.convert_to_tensor(leaf).numpy(), nest)


@configurable(module="recsim_tf")
def simulated_log(
    simulator: Simulator,
    num_sessions: Count = 1000,
    num_steps: Count = 100,
    seed: Seed = 0,
    jit_compile: bool = False,
    latent: tuple[str, ...] = (),
) -> Log:
    """The log of sessions under uniformly random slates, and random queries if the simulator has a
    `query_spec`.

    Args:
      simulator: the simulator with the true parameters.
      num_sessions: number of sessions S, at least 1.
      num_steps: number of steps, at least 1. Longer sessions are cut.
      seed: an integer or int32 [2].
      jit_compile: whether to compile with XLA.
      latent: fields of the log to leave out, "initial" or "innovation".
    """
    unknown = [name for name in latent if name not in ("initial", "innovation")]
    if unknown:
        raise ValueError(f"latent must be some of initial, innovation, got {', '.join(unknown)}")
    world = simulator.users_per_world or 1
    at_once = -(-min(num_sessions, _USERS_AT_ONCE) // world) * world
    policy = random_policy(simulator)

    @compiled(jit_compile=jit_compile)
    def simulate(seed):
        return simulator.rollout(policy, at_once, num_steps, seed)

    pieces = [
        traced_call(simulate, piece) for piece in split_seed(seed, -(-num_sessions // at_once))
    ]
    whole = concatenated(pieces)
    log = _log_of_draws(whole, simulator.documents.shared).take(slice(num_sessions))
    return log._replace(
        initial=() if "initial" in latent else log.initial,
        innovation=() if "innovation" in latent else log.innovation,
    )
