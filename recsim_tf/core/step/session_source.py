# SPDX-License-Identifier: Apache-2.0
"""The interface between sessions and agents: start, observe, step."""

import abc
from typing import Any

import tensorflow as tf

from recsim_tf.core import nests
from recsim_tf.core.base.types import Nest, Observation, Seed, Turn
from recsim_tf.core.step import turns


class SessionSource(abc.ABC):
    """Sessions of B users at once, as pure functions: a `Simulator`, or a layer around it.

    A state is a NamedTuple with a field or property `done`, bool [B]. The transition that `step`
    returns beside it has the fields `reward`, `terminated`, `truncated` and `discount`, each [B].
    """

    slate_size: int  # K
    num_candidates: int  # N
    allow_duplicates: bool
    resample_documents: bool
    validate: bool
    num_users: int | None  # B if the sessions are for B users only, else None
    query_spec: Nest = ()  # the specs of the query of a turn; () without queries
    # The number of steps of the environment for each slate that the agent chooses.
    steps_per_decision: int = 1

    @property
    def action_format(self) -> turns.ActionFormat:
        """The format of the actions of agents."""
        return turns.ActionFormat(self.slate_size, self.num_candidates, self.query_spec)

    @abc.abstractmethod
    def observation_spec(self) -> Observation:
        """Named, bounded specs of the observation of one user, without the axis of users."""

    @abc.abstractmethod
    def reset(self, num_users: int, seed: Seed) -> Any:
        """Starts a session for each of `num_users` new users."""

    @abc.abstractmethod
    def replace(self, state: Any, who: tf.Tensor, seed: Seed) -> Any:
        """Starts a session for a new user in the rows where `who` [B] is true."""

    @abc.abstractmethod
    def observe(self, state: Any) -> Observation:
        """The observation of a state, which agents see."""

    @abc.abstractmethod
    def step(self, state: Any, action: Nest, seed: Seed) -> tuple[Any, Any]:
        """Shows each user a turn. The state of a user whose session has ended does not change.

        Args:
          state: the state of B users.
          action: a slate, int32 [B, k], or a `Turn` where there is a `query_spec`.
          seed: an integer or int32 [2].
        """

    def turn_conditions(self, turn: Turn) -> list[tuple[tf.Tensor, str]]:
        """Conditions that a turn must meet beside the ranges, as pairs (condition, message), such
        as an attribute that it must name. By default there are none.
        """
        return []

    def playable_action(
        self, state: Any, action: Nest, validate: bool = True, allow_duplicates: bool = False
    ) -> Nest:
        """The actions for a step in which sessions that have ended begin anew.

        Args:
          state: the state of B users.
          action: a slate int32 or int64 [B, k], k <= slate_size, or a `Turn` where there is a
            `query_spec`. The action for a user whose session has ended has no effect, so it need
            not be valid.
          validate: whether to check values; structure, dtypes and shapes are always checked.
          allow_duplicates: whether a slate may show a candidate twice. The attribute
            `allow_duplicates` of this source allows it too.

        Returns:
          The action, whose slate is int32 [B, slate_size].

        Raises:
          ValueError: for a bad action. In graph mode, bad values raise a
            `tf.errors.InvalidArgumentError` when the graph runs, and XLA drops that check.
        """
        num_users = state.done.shape[0]
        turn = turns.as_turn(action, self.query_spec, num_users, self.slate_size)
        turn = nests.where(state.done, turns.some_turn(self, num_users), turn)
        if validate:
            turn = turns.check_values(self, turn, allow_duplicates or self.allow_duplicates)
        return turn.action

    def step_or_replace(
        self, state: Any, action: Nest, step_seed: tf.Tensor, newcomer_seed: tf.Tensor
    ) -> tuple[Any, Any]:
        """Shows a turn to every user in session, and starts a session for a new user in the rows
        whose session ended at an earlier step. Environments for learning agents step like this.

        Args:
          state: the state of B users.
          action: an action from `playable_action`.
          step_seed: int32 [2].
          newcomer_seed: int32 [2].

        Returns:
          The next state and the transition of `step`, inactive in the rows of new users.
        """
        ended = state.done
        state, transition = self.step(state, action, step_seed)
        state = tf.cond(
            tf.reduce_any(ended),
            lambda: self.replace(state, ended, newcomer_seed),
            lambda: state,
        )
        return state, transition
