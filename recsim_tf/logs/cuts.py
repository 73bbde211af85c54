"""Where a log cuts sessions, and what comes after the end of each."""

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
    """The end of what counts of B sessions, if their users stay until then."""

    last: Any  # int32 [B], steps that count
    # float64 [B], the day of the users' time on which a log of visits ends; () for none
    last_day: Any = ()


class Cuts:
    """The steps after which a log cuts sessions, such as those that still run when it ends.

    A cut session tells its own. Of a user who left the log tells only that no cut came before. The
    distribution of cuts is that of Kaplan and Meier 1958, "Nonparametric estimation from incomplete
    observations", where leaving is what censors. It assumes that a cut does not depend on what a
    user does.

    Args:
      log: the sessions.
      last_day: None, or those of `windows`. Such a log is cut by the day, and by the step only in
        the middle of a visit.
    """

    def __init__(self, log: Log, last_day: np.ndarray | None = None):
        self._log, self._last_day = log, last_day
        steps = np.arange(1, log.max_length + 1)
        # Who leaves after a step is not cut after it.
        last = log.length - log.departed
        at_risk = (last[:, np.newaxis] >= steps).sum(axis=0)
        num_cut = np.bincount(log.length[~log.departed], minlength=log.max_length + 1)[1:]
        # [T]: the probability that no cut came up to and with a step.
        self._survival = np.cumprod(1 - num_cut / np.maximum(at_risk, 1))

    def draw(self, seed: Seed) -> np.ndarray:
        """int32 [S]: the last step of each session, if its user stays until then: of those who left
        a draw, given that the session was not cut before.
        """
        log = self._log
        if self._last_day is not None:
            is_cut = ~log.departed & np.isinf(self._last_day)
            return np.where(is_cut, log.length, log.max_length).astype(np.int32)
        number = random.uniform([log.num_sessions], random.as_seed(seed)).numpy()
        # A user who left after a step may have been cut after the same one.
        before = np.concatenate([[1.0], self._survival])[log.length - 1]
        # The first step at which the survival is at or below the draw.
        later = np.searchsorted(-self._survival, -number * before) + 1
        drawn = np.minimum(np.maximum(later, log.length), log.max_length)
        return np.where(log.departed, drawn, log.length).astype(np.int32)


def windows(log: Log) -> np.ndarray | None:
    """float64 [S]: the day of each lifetime, from its first visit on, on which the log ends, where
    the user was away then; else infinity. None for a log in which nobody is away at its end, such
    as one of single sessions. See `ReturnTime` for the days that a log of visits holds.
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
    """int64 [S, T]: the session whose slate or candidates come in each step of each session: its
    own, and after its end a random one of those that last so long.

    Its own would not do there: a session of good slates would go on with good slates, so that
    sessions would differ more than those of the log.
    """
    generator = np.random.default_rng(seed)
    # The longest first, so that those that reach a step are the first ones.
    order = np.argsort(-log.length, kind="stable")
    reaching = (log.length[:, np.newaxis] > np.arange(log.max_length)).sum(axis=0)
    others = order[generator.integers(0, np.maximum(reaching, 1), log.active.shape)]
    return np.where(log.active, np.arange(log.num_sessions)[:, np.newaxis], others)


def continued(log: Log, seed: int = 0) -> Log:
    """The log with slates and queries of other sessions, at the same step, after the end of each
    session, see `rows_of_steps`.
    """
    rows, steps = rows_of_steps(log, seed), np.arange(log.max_length)
    documents, shown, hidden, query = tf.nest.map_structure(
        lambda leaf: leaf[rows, steps], (log.documents, log.shown, log.hidden, log.query)
    )
    return log._replace(documents=documents, shown=shown, hidden=hidden, query=query)


def users_leave(simulator: Simulator) -> bool:
    """Whether users can leave. They cannot under a rule that is False for every state."""
    found = []

    @compiled
    def trace(seed):
        departure = simulator.users.departure(simulator.reset(simulator.fewest_users, seed).user)
        constant = (
            None if isinstance(departure, tfd.Distribution) else tf.get_static_value(departure)
        )
        found.append(constant is None or bool(np.any(constant)))

    trace.get_concrete_function(tf.TensorSpec([2], tf.int32))
    return found[0]
