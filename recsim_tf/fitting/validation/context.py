# SPDX-License-Identifier: Apache-2.0
"""The context of a validation: the sessions, and the results that several questions use."""

import functools
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

import numpy as np

from recsim_tf.core.base.types import Policy
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.predictions.choices import (
    ChoicePredictions,
    choices_among,
    logged_clicks,
    predict_choices,
)
from recsim_tf.fitting.predictions.responses import ResponsePredictions, predict_responses
from recsim_tf.fitting.validation.closed_loop import ClosedLoop
from recsim_tf.fitting.validation.events import Events
from recsim_tf.fitting.validation.outcomes import Outcomes, Simulations, ids_of
from recsim_tf.fitting.validation.resimulation import Resimulation
from recsim_tf.logs.fingerprints import sessions_in_both, share_learned
from recsim_tf.logs.log import Log, users_of

# Fits the models to a log, with these values of parameters fixed.
Refit: TypeAlias = Callable[[Log, Mapping[str, Any]], Simulator]

_FEWEST_SESSIONS, _FEWEST_CLICKS = 50, 20


class Context:
    """A fitted simulator, the sessions that the questions are asked of, and what several questions
    need of them. Each attribute below the arguments is computed once, when it is first read.

    Args:
      simulator: the fitted simulator.
      fitted: the sessions that the fit saw.
      held_out: other sessions; None to ask of a half of `fitted`, while guesses learn from the
        other half.
      given: earlier steps of the sessions held out, row by row, or None.
      refit, static, other, segment, times, policies, logging, num_replicates: see `validate`.
      batch_size: sessions that are predicted or simulated at once.
      seed: an integer.
    """

    def __init__(
        self,
        simulator: Simulator,
        fitted: Log,
        held_out: Log | None,
        *,
        given: Log | None,
        refit: Refit | None,
        static: Mapping[str, Any] | None,
        other: Log | None,
        segment: Mapping[str, Any] | None,
        times: Collection[str],
        policies: Mapping[str, Policy],
        logging: Policy | None,
        num_replicates: int,
        batch_size: int,
        seed: int,
    ):
        self.simulator, self.fitted, self.given, self.seed = simulator, fitted, given, seed
        self.refit, self.static, self.other, self.segment = refit, static, other, segment
        self.times, self.policies, self.logging = times, policies, logging
        self.num_replicates, self.batch_size = num_replicates, batch_size
        self.is_held_out = held_out is not None
        self.train = fitted
        if held_out is None:
            held_out = fitted
            if fitted.num_sessions >= _FEWEST_SESSIONS and not _is_of_one_user(fitted):
                self.train, held_out = fitted.split(0.5, seed)
        self.held_out: Log = held_out
        # The sessions held out, from their first step on.
        self.whole = held_out if given is None else given.followed_by(held_out)

    @functools.cached_property
    def responses(self) -> ResponsePredictions:
        """The responses of the sessions held out as the model expects them."""
        return predict_responses(
            self.simulator, self.held_out, self.batch_size, seed=self.seed, given=self.given
        )

    @property
    def has_clicks(self) -> bool:
        """Tells whether responses have clicks."""
        return bool(self.responses.clicks)

    @functools.cached_property
    def choices(self) -> ChoicePredictions:
        """The clicks among `responses`. Raises a ValueError where there are none."""
        return choices_among(self.responses, self.held_out.slate_size)

    @functools.cached_property
    def counted(self) -> np.ndarray:
        """The documents that were shown in the sessions held out, bool [S, T, K]."""
        return self.held_out.counted

    @functools.cached_property
    def clicked(self) -> np.ndarray:
        """The documents that were clicked in the sessions held out, bool [S, T, K]."""
        if not self.has_clicks:
            return np.zeros(self.counted.shape, bool)
        return logged_clicks(self.choices, self.held_out) & self.counted

    @functools.cached_property
    def clicked_in_training(self) -> np.ndarray:
        """The documents that were clicked in the sessions that guesses learn from, bool [S', T',
        K].
        """
        return self.clicks_of(self.train)

    @functools.cached_property
    def training_outcomes(self) -> Outcomes:
        """The clicks of the sessions that guesses learn from, from which the popularity of
        documents is learned.
        """
        log, clicked = self.train, self.clicked_in_training
        nothing = np.zeros(log.active.shape)
        ids = ids_of(log.documents)
        return Outcomes(log.active, nothing, clicked, log.counted, nothing, {}, ids)

    @functools.cached_property
    def training_events(self) -> Events:
        """The events from which guesses learn."""
        return Events.of(self.train, self.clicked_in_training)

    @functools.cached_property
    def sessions(self) -> Simulations:
        """The sessions held out, from their first step on, to be simulated again: as a whole where
        the policy that logged is given, else step by step.
        """
        if self.logging is None:
            return Resimulation(self.simulator, self.whole, self.batch_size)
        return ClosedLoop(self.simulator, self.logging, self.whole, self.batch_size)

    @functools.cached_property
    def users(self) -> Any:
        """The users of the sessions held out, see `logs.log.users_of`."""
        return users_of([self.held_out.labels])

    @functools.cached_property
    def known_users(self) -> tuple[int, int] | None:
        """The number of users held out who are also among those fitted, and the number of all; None
        where a log has no ids of users, or no session was held out.
        """
        fitted, held_out = (log.labels.user for log in (self.fitted, self.held_out))
        if isinstance(fitted, tuple) or isinstance(held_out, tuple) or not self.is_held_out:
            return None
        users = np.unique(held_out)
        return int(np.isin(users, fitted).sum()), len(users)

    @functools.cached_property
    def known_sessions(self) -> tuple[int, int]:
        """The number of sessions held out that are also among those fitted, see
        `sessions_in_both`, and the number of all.
        """
        equal = sessions_in_both(self.fitted, self.held_out) if self.is_held_out else 0
        return equal, self.held_out.num_sessions

    @functools.cached_property
    def share_learned(self) -> float:
        """The share of the sessions held out that the model says it was fitted to."""
        if not self.is_held_out:
            return 0.0
        return share_learned(getattr(self.simulator, "fitted_to", ()), self.held_out)

    @property
    def is_small(self) -> bool:
        """Tells whether there are fewer than 50 sessions or 20 clicks, or a single user."""
        few_clicks = self.has_clicks and self.clicked.sum() < _FEWEST_CLICKS
        few_sessions = self.whole.num_sessions < _FEWEST_SESSIONS or _is_of_one_user(self.whole)
        return few_sessions or bool(few_clicks)

    def clicks_of(self, log: Log) -> np.ndarray:
        """The documents that were clicked in a log, bool [S, T, K]. There are none where responses
        have no clicks.
        """
        if not self.has_clicks:
            return np.zeros(log.shown.shape, bool)
        choices = predict_choices(self.simulator, log, self.batch_size, num_draws=1)
        return logged_clicks(choices, log)


def _is_of_one_user(log: Log) -> bool:
    """True if all sessions of a log, of which there are several, are of the same user."""
    users = users_of([log.labels])
    return not isinstance(users, tuple) and not users.any()
