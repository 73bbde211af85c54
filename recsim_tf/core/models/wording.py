# SPDX-License-Identifier: Apache-2.0
"""Sessions in words: texts of an environment for queries, documents and responses."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from recsim_tf.core.base.types import Nest


class Wording:
    """Puts the turns of an environment's sessions into words, for people who read them.

    By default fields are listed by their names. A subclass overrides the methods for which it has
    better words. Each method gets one turn of one user, as nests of NumPy arrays without the axes
    of users and steps.

        class Listeners(recsim_tf.UserModel):
            def wording(self):
                return SongWording()
    """

    # Names of the values of integer fields, for tables, as {"genre": ("jazz", "rock")}.
    names: Mapping[str, Sequence[str]] = MappingProxyType({})

    def query(self, query: Nest, documents: Sequence[Nest | None]) -> str | None:
        """The query of the system beside the documents, as "asks: slower than 2?".

        Args:
          query: the query of the turn, which is not ().
          documents: the K documents shown, None at empty positions.

        Returns:
          A sentence without its subject, or None to list the fields by their names.
        """
        return None

    def document(self, document: Nest) -> str | None:
        """A document in words, as "a slow song, 90 bpm", or None to list its fields by their names.
        It was shown, or is a candidate, whose hidden attributes are missing.
        """
        return None

    def response(self, response: Nest, documents: Sequence[Nest | None], query: Nest) -> str | None:
        """The response in words, as "plays 2 to the end", or None to list clicks and fields.

        Args:
          response: a nest of [K, ...].
          documents: the K documents shown, None at empty positions.
          query: the query of the turn, () where there is none.
        """
        return None

    def user(self, user: Nest) -> Nest:
        """The part of a user's state that a reader follows. By default it is the whole state.

        Args:
          user: the state.

        Returns:
          A nest whose names are shown, such as a dictionary.
        """
        return user


@runtime_checkable
class WordedUsers(Protocol):
    """A user model that has words for the sessions of its environment."""

    def wording(self) -> Wording: ...


def wording_of(users: object) -> Wording:
    """The wording of a user model. A model without `wording` lists fields by their names."""
    return users.wording() if isinstance(users, WordedUsers) else Wording()
