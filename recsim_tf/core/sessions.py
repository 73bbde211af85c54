"""The interface between sessions and agents: start, observe, step."""

import abc
from typing import Any

import tensorflow as tf

from recsim_tf.core import validation
from recsim_tf.core.types import Nest, Observation


class SessionSource(abc.ABC):
    """Sessions of B users at once, as pure functions: a `Simulator`, or one under a layer.

    A state is a NamedTuple with a field or property `done`, bool [B]. What `step` returns beside it
    has the fields `reward`, `terminated`, `truncated` and `discount`, each [B].
    """

    slate_size: int  # K
    num_candidates: int  # N
    allow_duplicates: bool
    resample_documents: bool
    validate: bool
    num_users: int | None  # B if it is for B users only, else None
    # Steps of the environment for each slate that the agent chooses.
    steps_per_decision: int = 1

    @abc.abstractmethod
    def observation_spec(self) -> Observation:
        """Named, bounded specs of what an agent sees of one user, without the axis of users."""

    @abc.abstractmethod
    def reset(self, num_users: int, seed) -> Any:
        """Starts a session for each of `num_users` new users."""

    @abc.abstractmethod
    def replace(self, state: Any, who: tf.Tensor, seed) -> Any:
        """Starts a session for a new user in the rows where `who` [B]."""

    @abc.abstractmethod
    def observe(self, state: Any) -> Observation:
        """What an agent may see of a state."""

    @abc.abstractmethod
    def step(self, state: Any, slate: tf.Tensor, seed) -> tuple[Any, Any]:
        """Shows each user a slate; users whose session has ended stay as they are."""

    def playable_slate(
        self, state: Any, slate: Nest, validate: bool = True, allow_duplicates: bool = False
    ) -> tf.Tensor:
        """The slates for a step in which sessions that have ended begin anew.

        Args:
          state: of B users.
          slate: int32 or int64 [B, k], k <= slate_size. The slate of a user whose session has ended
            has no effect, so it need not be valid.
          validate: whether to check values; dtype and shape are always checked.
          allow_duplicates: whether a slate may show a candidate twice, as this source's own
            `allow_duplicates` also grants.

        Returns:
          int32 [B, slate_size].

        Raises:
          ValueError: for a bad slate. For its values in graph mode it is a
            `tf.errors.InvalidArgumentError` when the graph runs; XLA drops that check.
        """
        slate = validation.check_slate_format(slate, state.done.shape[0], self.slate_size)
        slate = tf.where(state.done[:, tf.newaxis], tf.range(self.slate_size), slate)
        if not validate:
            return slate
        return validation.check_slate_values(
            slate, self.num_candidates, allow_duplicates or self.allow_duplicates
        )

    def step_or_replace(
        self, state: Any, slate: tf.Tensor, step_seed, newcomer_seed
    ) -> tuple[Any, Any]:
        """Shows a slate to every user in session, and starts a session for a new user where one
        ended at an earlier step. Environments for learning agents step like this.

        Args:
          state: of B users.
          slate: int32 [B, slate_size], of `playable_slate`.
          step_seed: int32 [2].
          newcomer_seed: int32 [2].

        Returns:
          The next state and the transition of `step`, inactive in the rows of new users.
        """
        ended = state.done
        state, transition = self.step(state, slate, step_seed)
        state = tf.cond(
            tf.reduce_any(ended),
            lambda: self.replace(state, ended, newcomer_seed),
            lambda: state,
        )
        return state, transition
