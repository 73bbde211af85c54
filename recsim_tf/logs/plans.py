# SPDX-License-Identifier: Apache-2.0
"""Users of a log at the start of new sessions, and simulated sessions that follow a log's."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.arguments import Count, checked
from recsim_tf.core.base.types import InitialDraws, Seed, SimulatorState
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step.stages import PartlySampled
from recsim_tf.logs.cuts import Cuts, Ends, users_leave, windows
from recsim_tf.logs.episodes import session_spec
from recsim_tf.logs.hidden_users import can_be_scored, draw_users
from recsim_tf.logs.log import DRAWS, Log, Sessions
from recsim_tf.logs.logged_documents import Logged, following, name_beside_log
from recsim_tf.logs.missing import lacking
from recsim_tf.logs.trajectories import by_field, from_rollout


@checked
def logged_users(
    simulator: Simulator, log: Log, num_users: Count, seed: Seed = 0, row: tf.Tensor | None = None
) -> SimulatorState:
    """The states in which sessions of users from a log begin. The users are drawn with replacement.

    Logged initial draws are kept. Initial draws that the log lacks, such as a hidden taste, are
    drawn from the models given all that the log has of the session: the other initial draws, and
    the responses of the user where the log has them. `Simulator.rollout(state=)` and `fold`
    continue from these states.

    Args:
      simulator: the models. If its candidates are those of the log, see `Logged`, users get the
        candidates of their logged sessions.
      log: the sessions, each equally likely.
      num_users: number of users, B.
      seed: an integer or int32 [2].
      row: the sessions whose users begin, int32 [B]; by default they are drawn.

    Raises:
      ValueError: if `simulator` is not a Simulator, for a number below 1, or for initial draws
        that are not those of the models.
    """
    spec = session_spec(simulator, num_users).initial.user
    parts, log = lacking(log, simulator.users, num_users, spec)
    row_seed, parts_seed, seed = random.split_seed(seed, 3)
    if row is None:
        row = random.uniform_integers([num_users], row_seed, log.num_sessions)
    draws = {"user": draw_users(simulator, log, parts, row, parts_seed)}
    if isinstance(simulator.documents, Logged):
        draws["corpus"] = row
    sampled = [name for name in InitialDraws._fields if name not in draws]
    answers = PartlySampled(draws, seed, sampled)
    return simulator.initial_state(simulator.begin(num_users, answers))


class SessionPlan:
    """A plan of simulated sessions that follow the sessions of a log, so that their returns can be
    compared.

    Each simulated session follows a session of the log. Its user begins with the logged initial
    draws; missing ones are drawn, see `logged_users`. Its candidates are those of the log, if a
    table of candidates was read, see `Logged`. It ends at the step at which the log would have cut
    it, see `Cuts`, if the user stays until then. If users cannot leave in the model, each session
    has its logged length.

    Args:
      simulator: the model of the users.
      log: a `Log`, or a `LogStream`, whose candidates are not followed.
      num_sessions: approximate number of simulated sessions. Each session of the log is followed
        equally often, or some of them are followed once.
      seed: the seed of cuts, and of the choice of sessions, an integer.
      given_session: whether missing initial draws are drawn given the session too, see
        `logged_users`, or given the logged ones alone.

    Attributes:
      simulator: the model, with the candidates of the log if it has any.
      row: int64 [B], the session of the log that each simulated session follows.
      ends: the ends of the simulated sessions.
      num_steps: number of steps T of the longest session.

    Raises:
      ValueError: if users can leave in the model, and the log does not say whether they left.
    """

    def __init__(
        self,
        simulator: Simulator,
        log: Sessions,
        num_sessions: int,
        seed: int = 0,
        given_session: bool = True,
    ):
        number, generator = log.num_sessions, np.random.default_rng(seed)
        self._copies = copies = -(-num_sessions // number)
        self.row = np.tile(np.arange(number), copies)
        if number > num_sessions:
            self.row = np.sort(generator.choice(number, num_sessions, replace=False))
        self.num_steps = log.max_length
        self._model, self.simulator = simulator, following(simulator, log)
        can_leave = users_leave(simulator)
        ends, last_day, self._users = _read(log, self.row, can_leave)
        self._place = self.row if isinstance(log, Log) else np.arange(len(self.row)) % number
        if simulator.documents.shared or not _has_initial(simulator, self._users):
            self._users = self._users._replace(initial=())
        if not given_session:
            self._users = self._users._replace(response=())
        last = ends.length
        if can_leave:
            cuts, seeds = Cuts(ends, last_day), random.split_seed(seed, max(copies, 2))
            last = np.concatenate([cuts.draw(copy_seed) for copy_seed in seeds[:copies]])
        else:
            last_day = None
        last = np.resize(last, len(self.row)) if copies > 1 else last[self.row]
        self.ends = Ends(last, () if last_day is None else last_day[self.row])

    def draws(self, draws: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Draws of the model's parameters by their names in `simulator`."""
        if self.simulator is self._model:
            return dict(draws)
        return {name_beside_log(name): values for name, values in draws.items()}

    def log(self, policy: Any, seed: int = 0) -> Log:
        """A log of sessions under a policy, with any probabilities of a `StochasticPolicy`."""
        number = len(self.row)
        state = self.start(self.simulator, number, random.as_seed(seed))
        trajectory = self.simulator.rollout(policy, number, self.num_steps, seed, state=state)
        log = from_rollout(trajectory, self.simulator, policy)
        return log.cut(np.minimum(log.length, self.ends.last))

    def by_session(self, values: np.ndarray) -> np.ndarray:
        """Values [B] of simulated sessions as means over the copies of each session of the log."""
        return values.reshape(self._copies, -1).mean(axis=0)

    def start(self, simulator: Simulator, num_users: int, seed: Seed) -> SimulatorState | None:
        """The states in which sessions of a multiple of B users begin, in the order of `row`. They
        are None if the models draw the users.
        """
        follows = isinstance(simulator.documents, Logged)
        spec = session_spec(simulator, num_users)
        is_known = tf.nest.flatten(self._users.initial) or (
            tf.nest.flatten(spec.initial.user)
            and not simulator.documents.shared
            and can_be_scored(self._users, spec)
        )
        if not follows and not is_known:
            return None
        place = tf.tile(tf.constant(self._place, tf.int32), [num_users // len(self._place)])
        return logged_users(simulator, self._users, num_users, seed, place)


def _read(log: Sessions, row: np.ndarray, can_leave: bool) -> tuple[Log, np.ndarray | None, Log]:
    """The lengths of all sessions, their departures if users can leave, their windows, see
    `windows`, and the sessions that are followed: the log itself, or those at `row`, int [B], in
    [0, S), of the pieces of a stream. So memory does not grow with a stream.
    """
    departed, last_day, followed = [], [], []
    start, rows = 0, np.unique(row)
    for piece in log.pieces():
        number, days = piece.num_sessions, windows(piece)
        if can_leave:
            departed.append(piece.require("a model of logged sessions", "departed").departed)
        last_day.append(np.full(number, np.inf) if days is None else days)
        if isinstance(log, Log):
            followed.append(log)
        else:
            inside = piece.take(rows[(rows >= start) & (rows < start + number)] - start)
            followed.append(inside.pad(log.max_length))
        start += number
    length, days = np.concatenate(log.lengths), np.concatenate(last_day)
    # Only the shape of `shown` is read.
    shown = np.broadcast_to(True, [len(length), log.max_length, 1])
    ends = Log(length=length, departed=np.concatenate(departed) if can_leave else (), shown=shown)
    return ends, None if np.isinf(days).all() else days, _joined(followed)


def _joined(pieces: list[Log]) -> Log:
    """The draws of the users of all pieces, and the slates that they met."""
    by_piece = [{name: getattr(piece, name) for name in DRAWS} for piece in pieces]
    if len(by_piece) == 1:
        return Log(**by_piece[0])
    return Log(**tf.nest.map_structure(lambda *leaves: np.concatenate(leaves), *by_piece))


def _has_initial(simulator: Simulator, users: Log) -> bool:
    """True for a log that has initial draws of the model's users, and not of another model's."""
    if not tf.nest.flatten(users.initial):
        return False
    spec = session_spec(simulator).initial.user
    logged = by_field(spec, users.initial)
    if isinstance(spec, tf.TensorSpec):
        return isinstance(logged, np.ndarray) and spec.shape.is_compatible_with(logged.shape[1:])
    return isinstance(logged, type(spec))
