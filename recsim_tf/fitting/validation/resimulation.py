"""Logged sessions, simulated again under the slates that they were shown."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core import nests, random
from recsim_tf.core.base.types import Seed
from recsim_tf.core.base.validation import check_at_least
from recsim_tf.core.runs.execution import compiled, traced_call
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.predictions.responses import amounts, by_batch
from recsim_tf.logs.cuts import Cuts, continued, users_leave, windows
from recsim_tf.logs.episodes import session_spec
from recsim_tf.logs.lengths import groups_by_length
from recsim_tf.logs.log import Log
from recsim_tf.logs.missing import draw_parts, lacking, lacks_innovations
from recsim_tf.logs.trajectories import as_trajectory, scoring_simulator, take_sessions

_DRAWN = ("response", "innovation", "departure")


class Outcomes(NamedTuple):
    """The responses of users in S sessions, with zeros after the end of each."""

    length: np.ndarray  # int64 [S], steps
    left: np.ndarray  # bool [S], the user left; if not, the session was cut
    clicked: np.ndarray  # float [S, T, K], the click weights
    counted: np.ndarray  # bool [S, T, K], a document was shown there
    reward: np.ndarray  # float [S, T], of each step
    # float [S] by field of the responses that has a mean, without clicks: the sum over the session
    amounts: dict[str, np.ndarray]

    @property
    def clicks(self) -> np.ndarray:
        """The number of clicks at each position, float [S, K]."""
        return self.clicked.sum(axis=1)

    @property
    def shown(self) -> np.ndarray:
        """The number of documents shown at each position, int64 [S, K]."""
        return self.counted.sum(axis=1)


class Resimulation:
    """A log's sessions under a simulator: as they were, and simulated again.

    A session is simulated with its logged slates, queries, documents and initial draws; responses,
    innovations and departures are drawn. A user who stays for longer than logged meets slates of
    other sessions, see `continued`, until the longest session of the log ends, or where the log
    would have cut it, see `Cuts`. A session that the log cuts is cut at the same step; the lifetime
    of a user who comes back on the same day, see `windows`. If nobody ever leaves in the models,
    every session has its logged length.

    Initial draws that were not logged are drawn.

    Args:
      simulator: the simulator, whose parameters are scalars or tables, not [B].
      log: the sessions.
      batch_size: sessions that are simulated at once; memory grows with it, not with the log.

    Raises:
      ValueError: if the log lacks what the models need.
    """

    def __init__(self, simulator: Simulator, log: Log, batch_size: int = 1000):
        check_at_least(1, batch_size=batch_size)
        scorer = scoring_simulator(simulator)
        spec = session_spec(scorer)
        self.log, self._size = log, min(batch_size, log.num_sessions)
        self.users_leave = users_leave(scorer)
        self.innovations_are_latent = lacks_innovations(log, spec.draws.innovation)
        parts, log = lacking(log, scorer.users, self._size, spec.initial.user)
        self.initial_is_latent = bool(parts)
        trajectory = as_trajectory(
            continued(log), scorer, self._size, latent=self.innovations_are_latent
        )
        last_day = windows(log)
        self._cuts = Cuts(log, last_day) if self.users_leave else None
        groups = groups_by_length(log.length)
        # Of each group the steps of its longest session, and how many are simulated at once.
        self._ends = np.array([log.length[group].max() for group in groups])
        # A user may stay for longer than all who were logged.
        self._ends[-1] = log.max_length
        self._sizes = [min(self._size, len(group)) for group in groups]

        def run(stages, is_observed, rows, last, seed, num_steps):
            """Records each step, [T, B, ...]: whether it counts, whether the user left after it,
            clicks, positions that were shown, reward, and amounts by field; zeros where it does not
            count.
            """
            sessions = take_sessions(trajectory, rows)
            transitions = tf.nest.map_structure(lambda leaf: leaf[:num_steps], sessions.transitions)
            sessions = sessions._replace(transitions=transitions)
            initial_seed, seed = random.split_seed(seed, 2)
            sessions, _ = draw_parts(parts, scorer.users, sessions, initial_seed)

            def of_step(step, state, transition):
                # Logged steps count even if a rule of the models would end the session earlier.
                counted, gone = step < last, transition.terminated
                if not is_observed:
                    counted &= transition.active
                    if last_day is not None:
                        end = tf.gather(tf.constant(last_day, state.user.day.dtype), rows)
                        # A user who is away at the end of the log is not counted as departed.
                        counted, gone = counted & (state.user.day < end), gone & tf.math.is_inf(end)
                slate = scorer.shown(state, transition)
                response = scorer.users.response(state.user, slate)
                recorded = (
                    counted,
                    gone,
                    transition.response.clicked,
                    transition.slate >= 0,
                    scorer.reward(transition.response, state.user),
                    amounts(response, transition.draws.response, slate),
                )
                return nests.where(counted, recorded, nests.zeros_like(recorded))

            def add(arrays, step, state, transition):
                return nests.write(arrays, step, of_step(step, state, transition))

            # Only the shapes are of use, so that a graph loses this step.
            first = nests.at_step(sessions.transitions, 0)
            like = of_step(0, scorer.initial_state(sessions.initial), first)
            arrays = nests.arrays_like(like, num_steps)
            return nests.stack(scorer.resimulate(sessions, stages, seed, add, arrays))

        drawn = ("innovation",) if self.innovations_are_latent else ()
        # They are traced for each number of steps.
        self._observe = compiled(functools.partial(run, drawn, True))
        self._simulate = compiled(functools.partial(run, _DRAWN, False))

    def observed(self, seed: Seed = 0) -> Outcomes:
        """The logged sessions, their rewards computed again; `seed` is that of innovations that
        were not logged.
        """
        outcomes = self._outcomes(self._observe, self.log.length, seed)
        return outcomes._replace(left=self.log.departed)

    def simulated(self, seed: Seed) -> Outcomes:
        """The sessions simulated again, with an integer or int32 [2] as seed."""
        if self._cuts is None:
            return self._outcomes(self._simulate, self.log.length, seed)
        cut_seed, seed = random.split_seed(seed, 2)
        last = self._cuts.draw(cut_seed)
        return self._outcomes(self._simulate, last, seed)

    def _outcomes(self, function: Callable[..., Any], last: np.ndarray, seed: Seed) -> Outcomes:
        def of_batch(num_steps, rows, seed):
            of_rows = tf.gather(tf.constant(last, tf.int32), rows)
            *by_step, drawn = traced_call(function, rows, of_rows, seed, num_steps)
            counted, left, *others = (self._padded(each.numpy()) for each in by_step)
            totals = {name: amount.numpy().sum(axis=0) for name, amount in drawn.items()}
            return Outcomes(counted.sum(axis=1), left.any(axis=1), *others, totals)

        parts, places = [], []
        group = np.searchsorted(self._ends, last)
        seeds = random.split_seed(seed, len(self._ends)) if len(self._ends) > 1 else [seed]
        for number, own_seed in enumerate(seeds):
            if len(rows := np.flatnonzero(group == number)):
                of_group = functools.partial(of_batch, int(self._ends[number]))
                parts.append(by_batch(of_group, rows, self._sizes[number], own_seed))
                places.append(rows)
        order = np.argsort(np.concatenate(places))
        return tf.nest.map_structure(lambda *leaves: np.concatenate(leaves)[order], *parts)

    def _padded(self, values: np.ndarray) -> np.ndarray:
        """The values [U, B, ...] of the first steps as [B, T, ...], with zeros at later steps."""
        later = [(0, self.log.max_length - len(values)), *[(0, 0)] * (values.ndim - 1)]
        return np.swapaxes(np.pad(values, later), 0, 1)
