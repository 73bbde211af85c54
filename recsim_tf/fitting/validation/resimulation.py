# SPDX-License-Identifier: Apache-2.0
"""Logged sessions, each step of which is simulated again given the steps before it."""

import functools
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from recsim_tf.core import nests, random
from recsim_tf.core.base.arguments import Count, checked
from recsim_tf.core.base.types import Seed
from recsim_tf.core.runs.execution import compiled, traced_call
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step.stages import PartlySampled, Recorded
from recsim_tf.fitting.methods.particles import systematic_ancestors
from recsim_tf.fitting.predictions.filtering import follow, gathered, rows_of
from recsim_tf.fitting.predictions.responses import by_batch
from recsim_tf.fitting.validation.outcomes import Outcomes, ids_of, outcomes_of, vectors_of
from recsim_tf.logs.cuts import users_leave, windows
from recsim_tf.logs.episodes import session_spec
from recsim_tf.logs.lengths import groups_by_length
from recsim_tf.logs.log import Log
from recsim_tf.logs.missing import lacking, lacks_innovations
from recsim_tf.logs.trajectories import as_trajectory, scoring_simulator, take_sessions

_DRAWN = ("response", "innovation", "departure")
_NUM_PARTICLES = 200  # of a session that lacks something
# Numbers of an array of all particles of a batch, and of all simulations of a log.
_MOST_NUMBERS = 20_000_000
_MOST_AT_ONCE = 100  # simulations


class Resimulation:
    """A log's sessions under a simulator: as they were, and simulated again step by step.

    A step is simulated with its logged slate, query and documents, in the state to which the logged
    steps before it lead; response, innovation and departure are drawn. So a log of a system that
    reacts to users, as every live system does, is simulated rightly by the right models: simulated
    users meet the slates that followed what logged users did, and so must have done the same
    before. What the log lacks of a user is drawn many times, and weighed by the steps before, see
    `follow`.

    Args:
      simulator: the simulator, whose parameters are scalars or tables, not [B].
      log: the sessions.
      batch_size: the most sessions that are simulated at once; memory grows with it, not with the
        log.

    Raises:
      ValueError: if the log lacks what the models need.
    """

    is_closed_loop = False

    @checked
    def __init__(self, simulator: Simulator, log: Log, batch_size: Count = 1000):
        scorer = scoring_simulator(simulator)
        size = min(batch_size, log.num_sessions)
        spec = session_spec(scorer)
        self.log = log
        self.users_leave = users_leave(scorer)
        self.vectors = vectors_of(scorer, log)
        self.innovations_are_latent = lacks_innovations(log, spec.draws.innovation)
        parts, complete = lacking(log, scorer.users, size, spec.initial.user)
        self.initial_is_latent = bool(parts)
        drawn = ("innovation",) if self.innovations_are_latent else ()
        num_particles = _NUM_PARTICLES if parts or drawn else 1
        trajectory = as_trajectory(complete, scorer, size, latent=bool(drawn))
        last_day = _last_days(log)
        self._groups = groups_by_length(log.length)
        of_slates = num_particles * log.max_length * log.slate_size
        self._size = min(size, max(_MOST_NUMBERS // of_slates, 1))

        of_log = log.num_sessions * log.max_length * log.slate_size
        self._number = number = min(max(_MOST_NUMBERS // of_log, 1), _MOST_AT_ONCE)

        def run(rows, seed, num_steps):
            """The outcomes of each step as logged, [B, 1, T, ...], and simulated, [B, R, T, ...].
            Both are in one program, since a trace takes longer than small logs.
            """
            sessions = take_sessions(trajectory, rows, num_steps)
            seed, *seeds = random.split_seed(seed, num_steps + 1)
            step_seeds = tf.stack(seeds)

            def outcomes(particles, stages, seed):
                """The outcomes of a step of particles of all sessions."""
                state, transition = particles
                draws = transition.draws._asdict()
                answers = PartlySampled(draws, seed, stages) if stages else Recorded(draws)
                next_state, again, _ = scorer.advance(state, transition.action, answers)
                left = again.terminated
                if last_day is not None:
                    days = tf.gather(tf.constant(last_day, next_state.user.day.dtype), rows)
                    num_copies = transition.active.shape[0] // rows.shape[0]
                    left |= next_state.user.day >= tf.tile(days, [num_copies])
                # Logged steps count even if a rule of the models would end the session earlier.
                again = again._replace(active=transition.active, terminated=left)
                return outcomes_of(scorer, state, again)

            def of_step(step, state, transition, log_weights):
                ancestor_seed, logged_seed, seed = random.split_seed(step_seeds[step], 3)
                ancestors = systematic_ancestors(log_weights, ancestor_seed, number)
                logged, simulated = (
                    gathered((state, transition), rows_of(chosen))
                    for chosen in (ancestors[:1], ancestors)
                )
                return outcomes(logged, drawn, logged_seed), outcomes(simulated, _DRAWN, seed)

            def write(arrays, step, *of_particles):
                return nests.write(arrays, step, of_step(step, *of_particles))

            # Only the shapes are of use, so that a graph loses this step.
            first = nests.at_step(sessions.transitions, 0)
            even = tf.zeros([1, rows.shape[0]], sessions.transitions.reward.dtype)
            like = of_step(0, scorer.initial_state(sessions.initial), first, even)
            arrays = nests.arrays_like(like, num_steps)
            steps = follow(scorer, sessions, parts, drawn, num_particles, seed, write, arrays)

            def by_session(leaf):
                leaf = tf.reshape(leaf, [num_steps, -1, rows.shape[0], *leaf.shape[2:]])
                return tf.transpose(leaf, [2, 1, 0, *range(3, leaf.shape.rank)])

            return tf.nest.map_structure(by_session, nests.stack(steps))

        self._run = compiled(run)

    def observed(self, seed: Seed = 0) -> Outcomes:
        """The logged sessions, their rewards computed again; `seed` is the seed of what was not
        logged.
        """
        outcomes, log, last_day = self._outcomes(seed)[0], self.log, windows(self.log)
        is_gone = log.departed if last_day is None else log.departed | np.isfinite(last_day)
        is_last = np.arange(log.max_length) == log.length[:, np.newaxis] - 1
        return outcomes._replace(left=is_last & is_gone[:, np.newaxis])

    def simulated(self, seed: Seed, number: int) -> Iterator[Outcomes]:
        """So many simulations of all sessions, with an integer or int32 [2] as seed."""
        starts = range(0, number, self._number)
        for start, own_seed in zip(starts, random.split_seed(seed, len(starts) + 1), strict=False):
            yield from self._outcomes(own_seed)[1 : 1 + number - start]

    def _outcomes(self, seed: Seed) -> list[Outcomes]:
        """The outcomes of the log, and of R simulations of it."""
        log, parts = self.log, []
        for rows, own_seed in zip(
            self._groups, random.split_seed(seed, len(self._groups) + 1), strict=False
        ):
            num_steps = int(log.length[rows].max())

            def of_batch(rows, seed, num_steps=num_steps):
                return traced_call(self._run, rows, seed, num_steps)

            of_group = by_batch(of_batch, rows, min(self._size, len(rows)), own_seed)
            later = log.max_length - num_steps
            parts.append(tf.nest.map_structure(functools.partial(_padded, later), of_group))
        order = np.argsort(np.concatenate(self._groups))
        whole = tf.nest.map_structure(lambda *leaves: np.concatenate(leaves)[order], *parts)
        return [
            tf.nest.map_structure(lambda leaf, which=which: leaf[:, which], several)._replace(
                documents=ids_of(log.documents)
            )
            for several in whole
            for which in range(several.active.shape[1])
        ]


def _last_days(log: Log) -> np.ndarray | None:
    """The day, counted from the first visit, from which on a visit of each lifetime would not be in
    the log, float64 [S]; None if no user is away at the end of the log. A log of a user who is not
    away ends with the day of the last visit.
    """
    last_day = windows(log)
    if last_day is None:
        return None
    days = np.where(log.active, np.maximum(log.innovation.visit.days, 0.0), 0.0)
    rows = np.arange(log.num_sessions)
    # The days after the last step are those of a visit that the log does not have.
    days[rows, log.length - 1] = 0
    return np.where(np.isinf(last_day) & ~log.departed, days.sum(axis=1) + 1, last_day)


def _padded(later: int, values: np.ndarray) -> np.ndarray:
    """Values [S, R, T, ...] with zeros at later steps."""
    return np.pad(values, [(0, 0), (0, 0), (0, later), *[(0, 0)] * (values.ndim - 3)])
