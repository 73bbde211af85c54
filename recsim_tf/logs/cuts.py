# SPDX-License-Identifier: Apache-2.0
"""Steps at which a log cuts sessions, and slates after the end of a session."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.base.types import Seed
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.logs.log import Log


class Ends(NamedTuple):
    """The ends of B sessions, if their users stay until then."""

    last: Any  # int32 [B], number of steps that count
    # float64 [B], the day of the users' time on which a log of visits ends; () for none
    last_day: Any = ()


class Cuts:
    """The steps after which a log cuts sessions, such as sessions that still run when the log ends.

    The cut of a session that is cut is observed. The cut of a user who left is censored: it came no
    earlier than the departure. The distribution of cuts is estimated as in Kaplan and Meier 1958,
    "Nonparametric estimation from incomplete observations". It assumes that a cut does not depend
    on the user's behaviour.

    Args:
      log: the sessions.
      last_day: None, or the result of `windows`. Such a log is cut by the day, and by the step only
        in the middle of a visit.
    """

    def __init__(self, log: Log, last_day: np.ndarray | None = None):
        self._log, self._last_day = log, last_day
        steps = np.arange(1, log.max_length + 1)
        # A user who leaves after a step is not at risk of a cut after it.
        last = log.length - log.departed
        at_risk = (last[:, np.newaxis] >= steps).sum(axis=0)
        num_cut = np.bincount(log.length[~log.departed], minlength=log.max_length + 1)[1:]
        # The probability that no cut came up to and with each step, [T].
        self._survival = np.cumprod(1 - num_cut / np.maximum(at_risk, 1))

    def draw(self, seed: Seed) -> np.ndarray:
        """The last step of each session if its user stays until then, int32 [S]. The step of a user
        who left is drawn, given that the session was not cut before.
        """
        log = self._log
        if self._last_day is not None:
            is_cut = ~log.departed & np.isinf(self._last_day)
            return np.where(is_cut, log.length, log.max_length).astype(np.int32)
        number = random.uniform([log.num_sessions], random.as_seed(seed)).numpy()
        # A user who left after a step might have been cut after the same step.
        before = np.concatenate([[1.0], self._survival])[log.length - 1]
        # The first step at which the survival is at or below the draw.
        later = np.searchsorted(-self._survival, -number * before) + 1
        drawn = np.minimum(np.maximum(later, log.length), log.max_length)
        return np.where(log.departed, drawn, log.length).astype(np.int32)


def windows(log: Log) -> np.ndarray | None:
    """The day of each lifetime, counted from its first visit, on which the log ends, float64 [S].

    It is infinite for a user who is not away at the end of the log. The result is None if no user
    is away then, as in a log of single sessions. See `ReturnTime` for the days of a log of visits.
    """
    visit = getattr(log.innovation, "visit", None)
    if visit is None:
        return None
    days = np.where(log.active, np.asarray(visit.days, np.float64), 0.0)
    away = np.minimum(days[np.arange(log.num_sessions), log.length - 1], 0.0)
    if not away.any():
        return None
    return np.where(away < 0, np.maximum(days, 0.0).sum(axis=1) - away, np.inf)


def rows_of_steps(log: Log, seed: int = 0) -> np.ndarray:
    """The sessions that supply the slates and candidates of each step of each session, int64
    [S, T].

    Up to its end a session supplies its own. After its end, a random session that has the step
    does. If a session with good slates went on with its own slates, sessions would differ more than
    those of the log.
    """
    generator = np.random.default_rng(seed)
    # Sessions that have a step come first, since the order is by length.
    order = np.argsort(-log.length, kind="stable")
    num_with_step = (log.length[:, np.newaxis] > np.arange(log.max_length)).sum(axis=0)
    random_rows = order[generator.integers(0, np.maximum(num_with_step, 1), log.active.shape)]
    return np.where(log.active, np.arange(log.num_sessions)[:, np.newaxis], random_rows)


def continued(log: Log, seed: int = 0) -> Log:
    """The log with slates and queries after the end of each session. They come from the same step
    of other sessions, see `rows_of_steps`.
    """
    rows, steps = rows_of_steps(log, seed), np.arange(log.max_length)
    documents, shown, hidden, query = tf.nest.map_structure(
        lambda leaf: leaf[rows, steps], (log.documents, log.shown, log.hidden, log.query)
    )
    return log._replace(documents=documents, shown=shown, hidden=hidden, query=query)


def users_leave(simulator: Simulator) -> bool:
    """True if users can leave. They cannot under a rule that is False for every state."""
    results = []

    @compiled
    def trace(seed):
        departure = simulator.users.departure(simulator.reset(simulator.fewest_users, seed).user)
        constant = (
            None if isinstance(departure, tfd.Distribution) else tf.get_static_value(departure)
        )
        results.append(constant is None or bool(np.any(constant)))

    trace.get_concrete_function(tf.TensorSpec([2], tf.int32))
    return results[0]
