# SPDX-License-Identifier: Apache-2.0
"""Corpora of documents: each user has a corpus, or each world of users shares one."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from recsim_tf.core import nests
from recsim_tf.core.base.types import Nest, SimulatorState, Slate

# The fields of states and draws with a row for each corpus; the others have one for each user.
OF_CORPORA = ("corpus", "candidates", "hidden")


class _UnreadableUsers:
    """Stands for the state of the users where they share a corpus, which must not read it."""

    def __getattr__(self, name: str):
        if name.startswith("__"):
            # Python and its tools look these names up on any object.
            raise AttributeError(name)
        raise ValueError(
            "user must not be read where users share a corpus, because the corpus is the same for"
            " all of them"
        )

    def __getitem__(self, key: Any):
        return self.__getattr__("")

    def __iter__(self):
        return self.__getattr__("")

    def __array__(self, *args, **kwargs):
        return self.__getattr__("")


UNREADABLE = _UnreadableUsers()


def map_corpora(function: Callable[[Any], Any], draws: Any) -> Any:
    """`InitialDraws` or `StepDraws`, with a function applied to the leaves of corpora."""
    of_corpora = {name: getattr(draws, name) for name in OF_CORPORA}
    return draws._replace(**tf.nest.map_structure(function, of_corpora))


class OwnCorpora:
    """Corpora that users do not share: W is B."""

    def size(self, num_users: int) -> int:
        """U, the number of users of each corpus. Raises a ValueError if the users do not fill whole
        worlds.
        """
        return 1

    def number(self, num_users: int) -> int:
        """W, the number of corpora of B users. It raises the errors of `size`."""
        return num_users // self.size(num_users)

    def of_users(self, nest: Nest, num_users: int) -> Nest:
        """Rows of corpora, a nest of [W, ...], as rows of their users, a nest of [B, ...]."""
        return nest

    def take(self, nest: Nest, positions: tf.Tensor) -> Nest:
        """Selects documents of each user's corpus.

        Args:
          nest: nest of [W, N, ...].
          positions: int32 [B, K], in [0, N).

        Returns:
          Nest of [B, K, ...].
        """
        return nests.take(nest, positions)

    def met(self, slate: Slate, response: Nest, in_session: tf.Tensor) -> tuple[Slate, Nest]:
        """The slates and responses that corpora meet. `in_session` is bool [B]."""
        return slate, response

    def ended(self, done: tf.Tensor) -> tf.Tensor:
        """True where all users of a corpus have left, bool [W]. `done` is bool [B]."""
        return done

    def sums(self, values: tf.Tensor) -> tf.Tensor:
        """The sums of values [T, B] over the users of each corpus, [T, W]."""
        return values

    def at_first_users(self, values: tf.Tensor, num_users: int) -> tf.Tensor:
        """The values [W] of corpora at the first of their users, and zero at other users, [B]."""
        return values

    def keep_ended(self, state: SimulatorState, next_state: SimulatorState) -> SimulatorState:
        """The next state, in which users whose session had ended stay as they are, and so do
        corpora that all users had left.
        """
        if tf.executing_eagerly() and not tf.reduce_any(state.done):
            # This avoids a copy of all candidates.
            return next_state
        ended = {True: self.ended(state.done), False: state.done}
        kept = {
            name: nests.where(ended[name in OF_CORPORA], before, getattr(next_state, name))
            for name, before in state._asdict().items()
        }
        return SimulatorState(**kept)


class SharedCorpora(OwnCorpora):
    """Each corpus belongs to a world of U users, so W is B / U. The users of a world stand side by
    side: row w U + u is user u of world w.

    Args:
      users_per_world: U; None if all users are one world.
    """

    def __init__(self, users_per_world: int | None):
        self._users_per_world = users_per_world

    def size(self, num_users: int):
        size = self._users_per_world or num_users
        if num_users % size:
            raise ValueError(
                f"num_users must be a multiple of users_per_world={size}, so that worlds are whole,"
                f" got {num_users}"
            )
        return size

    def of_users(self, nest: Nest, num_users: int):
        def repeated(leaf: tf.Tensor):
            num_worlds, *shape = leaf.shape
            by_world = [num_worlds, num_users // num_worlds, *shape]
            return tf.reshape(tf.broadcast_to(leaf[:, tf.newaxis], by_world), [num_users, *shape])

        return tf.nest.map_structure(repeated, nest)

    def take(self, nest: Nest, positions: tf.Tensor):
        num_users, num_positions = positions.shape
        of_worlds = tf.reshape(positions, [self.number(num_users), -1])

        def by_user(leaf: tf.Tensor):
            return tf.reshape(leaf, [num_users, num_positions, *leaf.shape[2:]])

        return tf.nest.map_structure(by_user, nests.take(nest, of_worlds))

    def met(self, slate: Slate, response: Nest, in_session: tf.Tensor):
        """Slates and responses as nests of [W, U, ...], zeros where a user has left."""
        both = nests.where(in_session, (slate, response), nests.zeros_like((slate, response)))
        return tf.nest.map_structure(self._by_world, both)

    def ended(self, done: tf.Tensor):
        return tf.reduce_all(self._by_world(done), axis=1)

    def sums(self, values: tf.Tensor):
        num_steps, num_users = values.shape
        by_world = [num_steps, self.number(num_users), -1]
        return tf.reduce_sum(tf.reshape(values, by_world), axis=2)

    def at_first_users(self, values: tf.Tensor, num_users: int):
        size = num_users // values.shape[0]
        return tf.reshape(tf.pad(values[:, tf.newaxis], [[0, 0], [0, size - 1]]), [num_users])

    def _by_world(self, leaf: tf.Tensor) -> tf.Tensor:
        """Reshapes [B, ...] to [W, U, ...]."""
        num_users, *shape = leaf.shape
        return tf.reshape(leaf, [self.number(num_users), self.size(num_users), *shape])
