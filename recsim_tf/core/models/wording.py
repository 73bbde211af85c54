"""Sessions in words: how an environment names what is said, shown and done."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from recsim_tf.core.base.types import Nest


class Wording:
    """Puts the turns of an environment's sessions into words, for people who read them.

    A subclass overrides what it has better words for than the fields by their names. Each method
    gets one turn of one user, as nests of NumPy arrays without the axes of users and steps.

        class Listeners(recsim_tf.UserModel):
            def wording(self):
                return SongWording()
    """

    # Of the values of fields of integers, for tables, as {"genre": ("jazz", "rock")}.
    names: Mapping[str, Sequence[str]] = MappingProxyType({})

    def query(self, query: Nest, documents: Sequence[Nest | None]) -> str | None:
        """What the system says or asks beside the documents, as "asks: slower than 2?".

        Args:
          query: of the turn; there is one.
          documents: the K documents shown, None at empty positions.

        Returns:
          A sentence without its subject, or None for the fields by their names.
        """
        return None

    def document(self, document: Nest) -> str | None:
        """A document, as "a slow song, 90 bpm"; None for its fields by their names.

        Args:
          document: as it was shown, or a candidate, which lacks what only showing it reveals.
        """
        return None

    def response(self, response: Nest, documents: Sequence[Nest | None], query: Nest) -> str | None:
        """What the user does, as "plays 2 to the end"; None for the clicks and the fields.

        Args:
          response: a nest of [K, ...].
          documents: the K documents shown, None at empty positions.
          query: of the turn, () where there is none.
        """
        return None

    def user(self, user: Nest) -> Nest:
        """The part of a user's state that a reader follows; by default all of it.

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
    """The words of a user model; of one without `wording`, the fields by their names."""
    return users.wording() if isinstance(users, WordedUsers) else Wording()
