"""Logged sessions: what was shown, what was chosen, what followed."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.adapters.episodes import Session, session_spec
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import InitialDraws, Nest, StepDraws, Trajectory, Transition

# The fields with an axis of time.
_STEPS = ("documents", "shown", "hidden", "response", "innovation", "propensity")


class SessionLog(NamedTuple):
    """S sessions of up to T steps with slates of K documents, as NumPy arrays; `()` stands for what
    was not logged.

    Everything is held as the simulator's models draw it, so that a log is scored by the
    distributions that simulate. Steps after the end of a session repeat its last step, so that they
    are possible under the models; they do not count.
    """

    length: np.ndarray  # int32 [S], steps of each session, at least 1
    # bool [S], the user left after the last step; if not, the log ends before the session does
    departed: np.ndarray
    initial: Nest  # nest of [S, ...]: the users' initial draws
    # nest of [S, T, K, ...]: the documents shown, as `DocumentModel.candidates` draws them, such as
    # ids
    documents: Nest
    shown: np.ndarray  # bool [S, T, K], False at the empty positions of a short slate
    # nest of [S, T, K, ...]: draws of the attributes that are hidden until documents are shown
    hidden: Nest
    # nest of [S, T, ...]: draws of the response, such as the position chosen, or K for "no click"
    response: Nest
    innovation: Nest  # nest of [S, T, ...]: draws of the users' change
    # float32 [S, T], in (0, 1]: probability of the slate under the policy that showed it
    propensity: Nest = ()

    @property
    def num_sessions(self) -> int:
        return len(self.length)

    @property
    def max_length(self) -> int:
        """T."""
        return self.shown.shape[1]

    @property
    def slate_size(self) -> int:
        """K."""
        return self.shown.shape[2]

    @property
    def num_steps(self) -> int:
        """Steps of all sessions together."""
        return int(self.length.sum())

    @property
    def active(self) -> np.ndarray:
        """bool [S, T]: the steps that count."""
        return np.arange(self.max_length) < self.length[:, np.newaxis]

    def take(self, rows) -> "SessionLog":
        """The sessions of these positions, cut after the longest of them."""
        rows = np.asarray(rows)
        longest = int(self.length[rows].max(initial=1))

        initial = tf.nest.map_structure(lambda leaf: leaf[rows], self.initial)
        taken = self._replace(
            length=self.length[rows], departed=self.departed[rows], initial=initial
        )
        return taken._of_steps(lambda leaf: leaf[rows][:, :longest])

    def pad(self, max_length: int) -> "SessionLog":
        """The log with T = `max_length`, not below its own: last steps of sessions are repeated, as
        everywhere.
        """
        if max_length < self.max_length:
            raise ValueError(
                f"max_length must be at least that of the log, {self.max_length}, got {max_length}"
            )
        steps = np.minimum(np.arange(max_length), self.max_length - 1)
        return self._of_steps(lambda leaf: leaf[:, steps])

    def cut(self, length: np.ndarray) -> "SessionLog":
        """The first steps of each session: int [S] of at least 1, up to `self.length`. A session
        that is cut has not departed yet.

        Raises:
          ValueError: for a length out of range.
        """
        length = np.asarray(length, np.int32)
        if length.shape != self.length.shape or (length < 1).any() or (length > self.length).any():
            raise ValueError(
                "length must hold a number of steps for each session, from 1 to those that it has"
            )
        cut = self._replace(length=length, departed=self.departed & (length == self.length))
        return repeat_last_step(cut)._of_steps(lambda leaf: leaf[:, : length.max()])

    def _of_steps(self, function) -> "SessionLog":
        """The log with a function applied to all arrays [S, T, ...]."""
        return self._replace(
            **{name: tf.nest.map_structure(function, getattr(self, name)) for name in _STEPS}
        )

    def split(self, held_out: float, seed: int = 0) -> tuple["SessionLog", "SessionLog"]:
        """Two logs of whole sessions, the second with about that part of them.

        Args:
          held_out: in (0, 1); at least one session goes to either log.
          seed: of the choice of sessions.

        Raises:
          ValueError: for a part outside (0, 1), or a log of fewer than two sessions.
        """
        if not 0 < held_out < 1:
            raise ValueError(f"held_out must be in (0, 1), got {held_out}")
        if self.num_sessions < 2:
            raise ValueError(f"a log of at least 2 sessions can be split, got {self.num_sessions}")
        order = np.random.default_rng(seed).permutation(self.num_sessions)
        count = min(max(round(held_out * self.num_sessions), 1), self.num_sessions - 1)
        return self.take(np.sort(order[count:])), self.take(np.sort(order[:count]))


def from_trajectory(trajectory: Trajectory) -> SessionLog:
    """The log of single-session rollouts: the documents shown and all draws of the users.

    Args:
      trajectory: [T, B, ...] of a rollout with `auto_reset=False`.

    Raises:
      ValueError: for an auto-reset trajectory.
    """
    if tf.nest.flatten(trajectory.newcomers):
        raise ValueError(
            "trajectory must hold one session a row (auto_reset=False), got an auto-reset"
            " trajectory"
        )
    transitions, draws = trajectory.transitions, trajectory.transitions.draws
    positions = tf.maximum(transitions.slate, 0)
    resampled = bool(tf.nest.flatten(draws.candidates))

    def candidates_of(first, later):
        """[T, B, N, ...]: the candidates of each step, from those of the first and of the steps
        after each.
        """
        num_steps = positions.shape[0]
        return (
            tf.concat([first[tf.newaxis], later[:-1]], axis=0)
            if resampled
            else tf.tile(first[tf.newaxis], [num_steps, *[1] * len(first.shape)])
        )

    def shown(candidates):
        return tf.gather(candidates, positions, batch_dims=2)

    later = draws.candidates if resampled else trajectory.initial.candidates
    documents = tf.nest.map_structure(
        lambda first, after: shown(candidates_of(first, after)),
        trajectory.initial.candidates,
        later,
    )
    hidden = draws.hidden
    if not resampled:
        hidden = tf.nest.map_structure(
            lambda first: shown(candidates_of(first, first)), trajectory.initial.hidden
        )
    log = SessionLog(
        length=tf.reduce_sum(tf.cast(transitions.active, tf.int32), axis=0).numpy(),
        departed=tf.reduce_any(transitions.terminated, axis=0).numpy(),
        initial=_as_numpy(trajectory.initial.user),
        documents=_by_session(documents),
        shown=_by_session(transitions.slate >= 0),
        hidden=_by_session(hidden),
        response=_by_session(draws.response),
        innovation=_by_session(draws.innovation),
    )
    return repeat_last_step(log)


def repeat_last_step(log: SessionLog) -> SessionLog:
    """The log with the last step of each session in the place of all that follows it."""
    steps = np.minimum(np.arange(log.max_length), log.length[:, np.newaxis] - 1)
    rows = np.arange(log.num_sessions)[:, np.newaxis]

    return log._of_steps(lambda leaf: leaf[rows, steps])


def scoring_simulator(simulator: Simulator) -> Simulator:
    """A simulator of the same models for logs, in which the candidates are the documents that were
    shown.
    """
    return Simulator(
        simulator.users,
        simulator.documents,
        simulator.slate_size,
        simulator.slate_size,
        simulator.reward_fn,
    )


def as_trajectory(
    log: SessionLog,
    simulator: Simulator,
    num_users: int,
    latent: bool = False,
    latent_initial: bool = False,
    spec: Session | None = None,
) -> Trajectory:
    """The log as a trajectory [T, S, ...] of a `scoring_simulator`, whose log-probability is that
    of the log.

    Args:
      log: with everything that the simulator's user model draws.
      simulator: as `scoring_simulator` makes it.
      num_users: sessions that will be scored at once; a parameter may have a value for each.
      latent: whether innovations are latent; those of the trajectory are then zeros that stand for
        nothing.
      latent_initial: the same for initial draws.
      spec: `session_spec(simulator, num_users)`, where it is known.

    Raises:
      ValueError: if the log lacks what the models draw, or has another slate size.
    """
    if log.slate_size != simulator.slate_size:
        raise ValueError(
            f"the log must have slates of slate_size={simulator.slate_size} documents, got"
            f" {log.slate_size}"
        )
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
    if latent_initial:
        initial = tf.nest.map_structure(
            lambda leaf: tf.zeros([log.num_sessions, *leaf.shape], leaf.dtype), spec.initial.user
        )
    else:
        initial = _matching("initial", log.initial, spec.initial.user)
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
    )
    first = tf.nest.map_structure(lambda leaf: leaf[:, 0], documents)
    return Trajectory(
        InitialDraws(initial, (), first, ()), tf.nest.map_structure(_steps_first, transitions), ()
    )


def _zeros(log: SessionLog, spec: Nest) -> Nest:
    return tf.nest.map_structure(
        lambda leaf: tf.zeros([*log.shown.shape[:2], *leaf.shape], leaf.dtype), spec
    )


def _matching(name: str, nest: Nest, spec: Nest) -> Nest:
    """The nest as tensors of the structure and dtypes of a spec."""
    if not tf.nest.flatten(spec):
        return ()
    found, wanted = tf.nest.flatten(nest), tf.nest.flatten(spec)
    if len(found) != len(wanted):
        fields = ", ".join(f"{leaf.dtype.name} {list(leaf.shape)}" for leaf in wanted)
        raise ValueError(
            f"the log's {name} must hold what the models draw, {fields}, got {len(found)} arrays"
        )
    return tf.nest.pack_sequence_as(
        spec, [tf.cast(leaf, like.dtype) for leaf, like in zip(found, wanted, strict=True)]
    )


def _steps_first(leaf):
    return tf.transpose(leaf, [1, 0, *range(2, leaf.shape.rank)])


def _as_numpy(nest):
    return tf.nest.map_structure(lambda leaf: tf.convert_to_tensor(leaf).numpy(), nest)


def _by_session(nest):
    return _as_numpy(tf.nest.map_structure(_steps_first, nest))
