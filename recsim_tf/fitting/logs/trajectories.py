"""Logs from trajectories, episode files and simulations, and trajectories from logs."""

from collections.abc import Mapping, Sequence
from typing import Any

import gin
import tensorflow as tf

from recsim_tf.adapters.episodes import Episodes, Session, session_spec
from recsim_tf.core import nests
from recsim_tf.core.execution import compiled
from recsim_tf.core.random import Seed, split_seed
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import InitialDraws, Nest, StepDraws, Trajectory, Transition
from recsim_tf.core.validation import check_at_least
from recsim_tf.fitting.logs.session_log import SessionLog, SessionStream, repeat_last_step
from recsim_tf.policies.random import random_policy

# A rollout holds all candidates of all steps.
_USERS_AT_ONCE = 1000


def from_trajectory(trajectory: Trajectory, shared: bool = False) -> SessionLog:
    """The log of single-session rollouts: the documents shown and all draws of the users.

    Args:
      trajectory: [T, B, ...] of a rollout with `auto_reset=False`.
      shared: whether users share a corpus, as `simulator.documents.shared` says.

    Raises:
      ValueError: for an auto-reset trajectory, and for one of users who share a corpus without
        `shared`.
    """
    if tf.nest.flatten(trajectory.newcomers):
        raise ValueError(
            "trajectory must hold one session a row (auto_reset=False), got an auto-reset"
            " trajectory"
        )
    trajectory.require_new_users()
    transitions, draws = trajectory.transitions, trajectory.transitions.draws
    positions = tf.maximum(transitions.slate, 0)
    resampled = bool(tf.nest.flatten(draws.candidates))
    num_users, num_corpora = positions.shape[1], nests.batch_size(trajectory.initial.candidates)
    if num_corpora != num_users and not shared:
        raise ValueError(
            f"shared must be True for a trajectory of {num_users} users with {num_corpora} corpora"
        )

    def shown(candidates):
        """[T, B, K, ...] of [T, W, N, ...]."""
        of_users = tf.repeat(candidates, num_users // num_corpora, axis=1)
        return tf.gather(of_users, positions, batch_dims=2)

    def of_first(first):
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
            of_first, (trajectory.initial.candidates, trajectory.initial.hidden)
        )
    length = tf.reduce_sum(tf.cast(transitions.active, tf.int32), axis=0).numpy()

    def by_session(nest):
        return repeat_last_step(_as_numpy(tf.nest.map_structure(_swap_axes, nest)), length)

    return SessionLog(
        length=length,
        departed=tf.reduce_any(transitions.terminated, axis=0).numpy(),
        initial=_as_numpy(trajectory.initial.user),
        documents=by_session(documents),
        shown=by_session(transitions.slate >= 0),
        hidden=by_session(hidden),
        response=by_session(draws.response),
        innovation=by_session(draws.innovation),
        query=by_session(transitions.query),
    )


def concatenated(trajectories: Sequence[Trajectory]) -> Trajectory:
    """One trajectory [T, B, ...] of the sessions of several."""
    initial = tf.nest.map_structure(
        lambda *leaves: tf.concat(leaves, axis=0), *(each.initial for each in trajectories)
    )
    transitions = tf.nest.map_structure(
        lambda *leaves: tf.concat(leaves, axis=1), *(each.transitions for each in trajectories)
    )
    return trajectories[0]._replace(initial=initial, transitions=transitions)


def scoring_simulator(simulator: Simulator) -> Simulator:
    """A simulator of the same models whose candidates are the documents that a log shows.

    Raises:
      ValueError: if documents depend on the state of a corpus that users share.
    """
    simulator = simulator.by_session("a log")
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
    log: SessionLog,
    simulator: Simulator,
    num_users: int,
    latent: bool = False,
    spec: Session | None = None,
) -> Trajectory:
    """The log as a trajectory [T, S, ...] of a `scoring_simulator`. Its log-probability is that of
    the log.

    Args:
      log: with everything that the simulator's user model draws.
      simulator: as `scoring_simulator` makes it.
      num_users: sessions that will be scored at once; a parameter may have a value for each.
      latent: whether innovations are latent. Those of the trajectory are then zeros, which mean
        nothing.
      spec: `session_spec(simulator, num_users)`, where it is known.

    Raises:
      ValueError: if the log lacks what the models draw, has another slate size, or has queries
        where the simulator has no `query_spec`, or none where it has one.
    """
    if log.slate_size != simulator.slate_size:
        raise ValueError(
            f"the log must have slates of slate_size={simulator.slate_size} documents, got"
            f" {log.slate_size}"
        )
    if tf.nest.flatten(log.query) and not tf.nest.flatten(simulator.query_spec):
        raise ValueError("the simulator must have a query_spec for a log with queries, got none")
    spec = spec or session_spec(simulator, num_users)
    by_step = {
        "hidden": _matching("hidden", log.hidden, spec.draws.hidden),
        "response": _matching("response", log.response, spec.draws.response),
        "innovation": (
            _zeros(log, spec.draws.innovation)
            if latent
            else _matching("innovation", log.innovation, spec.draws.innovation)
        ),
    }
    documents = _matching("documents", log.documents, spec.draws.candidates)
    logged = by_field(spec.initial.user, log.initial)
    initial = _matching("initial", logged, spec.initial.user)
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
        query=_matching("query", log.query, simulator.query_spec, "the query_spec says"),
    )
    first = tf.nest.map_structure(lambda leaf: leaf[:, 0], documents)
    return Trajectory(
        InitialDraws(initial, (), first, ()), tf.nest.map_structure(_swap_axes, transitions), ()
    )


def by_field(spec: Nest, initial: Nest) -> Nest:
    """Logged initial draws in the structure of TensorSpecs `spec`. A mapping may name fields of a
    NamedTuple; () stands for the others. Draws that are one tensor take one name, any. Raises a
    ValueError for unknown names.
    """
    fields = nests.fields_of(spec)
    if not isinstance(initial, Mapping) or isinstance(spec, Mapping):
        return initial
    if isinstance(spec, tf.TensorSpec) and len(initial) == 1:
        return next(iter(initial.values()))
    if unknown := [name for name in initial if name not in fields]:
        allowed = f"of {', '.join(fields)}" if fields else "absent: the model's draws have no names"
        raise ValueError(f"names of the log's initial draws must be {allowed}, got {unknown[0]}")
    return type(spec)(**{name: initial.get(name, ()) for name in fields})


def _zeros(log: SessionLog, spec: Nest) -> Nest:
    return tf.nest.map_structure(
        lambda leaf: tf.zeros([*log.shown.shape[:2], *leaf.shape], leaf.dtype), spec
    )


def _matching(name: str, nest: Nest, spec: Nest, what: str = "the models draw") -> Nest:
    """The nest as tensors of the structure and dtypes of a spec."""
    if not tf.nest.flatten(spec):
        return ()
    found, wanted = tf.nest.flatten(nest), tf.nest.flatten(spec)
    if len(found) != len(wanted):
        fields = ", ".join(f"{leaf.dtype.name} {list(leaf.shape)}" for leaf in wanted)
        raise ValueError(
            f"the log's {name} must hold what {what}, {fields}, got {len(found)} arrays"
        )
    return tf.nest.pack_sequence_as(
        spec, [_cast(leaf, like.dtype) for leaf, like in zip(found, wanted, strict=True)]
    )


def _cast(leaf: Any, dtype: tf.DType) -> tf.Tensor:
    """NaN, which stands for what is missing, is -1 among integers."""
    leaf = tf.convert_to_tensor(leaf)
    if leaf.dtype.is_floating and dtype.is_integer:
        leaf = tf.where(tf.math.is_nan(leaf), tf.cast(-1, leaf.dtype), leaf)
    return tf.cast(leaf, dtype)


def _swap_axes(leaf: tf.Tensor) -> tf.Tensor:
    """[T, S, ...] from [S, T, ...], and back."""
    return tf.transpose(leaf, [1, 0, *range(2, leaf.shape.rank)])


def _as_numpy(nest: Nest) -> Nest:
    return tf.nest.map_structure(lambda leaf: tf.convert_to_tensor(leaf).numpy(), nest)


def from_episodes(episodes: Episodes) -> SessionLog:
    """The log of an episode file that `recsim_tf.adapters.episodes.read` opened, with everything
    that the models drew, in the order of the file. Raises a ValueError if there are no sessions.
    """
    return from_trajectory(episodes.trajectory(), episodes.shared)


def stream_episodes(episodes: Episodes, sessions_at_once: int = 1000) -> SessionStream:
    """The log of `from_episodes` in pieces of `sessions_at_once` sessions, at least 1, which are
    read from the file in each pass, so that memory does not grow with the file. Minibatches are
    drawn at random within a piece, so the order of the sessions in the file should be random.
    """
    check_at_least(1, sessions_at_once=sessions_at_once)

    return SessionStream(
        lambda: (
            from_trajectory(trajectory, episodes.shared)
            for trajectory in episodes.trajectories(sessions_at_once)
        )
    )


@gin.configurable(module="recsim_tf")
def simulated_log(
    simulator: Simulator,
    num_sessions: int = 1000,
    num_steps: int = 100,
    seed: Seed = 0,
    jit_compile: bool = False,
    latent: tuple[str, ...] = (),
) -> SessionLog:
    """The log of sessions under uniformly random slates, and queries where there is a
    `query_spec`.

    Args:
      simulator: has the true parameters.
      num_sessions: S, at least 1.
      num_steps: at least 1; sessions that last longer are cut off.
      seed: an integer or int32 [2].
      jit_compile: whether to compile with XLA.
      latent: fields of the log that are left out, such as "innovation" and "initial".
    """
    check_at_least(1, num_sessions=num_sessions, num_steps=num_steps)
    unknown = [name for name in latent if name not in ("initial", "innovation")]
    if unknown:
        raise ValueError(f"latent must be of initial, innovation, got {', '.join(unknown)}")
    world = simulator.users_per_world or 1
    at_once = -(-min(num_sessions, _USERS_AT_ONCE) // world) * world
    policy = random_policy(simulator)

    @compiled(jit_compile=jit_compile)
    def simulate(seed):
        return simulator.rollout(policy, at_once, num_steps, seed)

    pieces = [simulate(piece) for piece in split_seed(seed, -(-num_sessions // at_once))]
    log = from_trajectory(concatenated(pieces), simulator.documents.shared)
    log = log.take(range(num_sessions))
    return log._replace(
        initial=() if "initial" in latent else log.initial,
        innovation=() if "innovation" in latent else log.innovation,
    )
