"""A menu: the turns of several entries, and what each is worth."""

from collections.abc import Iterator, Sequence

import gin
import tensorflow as tf

from recsim_tf.core import nests, random, validation
from recsim_tf.core.explanations import Explanation
from recsim_tf.core.ranges import shown
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Turn
from recsim_tf.environments.conversation import ConversationUsers
from recsim_tf.policies.elicitation.entries import MEASURES, Entry
from recsim_tf.policies.elicitation.outlook import Outlook


@gin.configurable
class Menu:
    """M turns that a system may take next, of all entries in order.

    Args:
      simulator: of conversations.
      entries: the kinds of turns.

    Raises:
      ValueError: for another environment, without entries, or for an entry that does not suit it.
    """

    def __init__(self, simulator: Simulator, entries: Sequence[Entry]):
        check_conversation(simulator)
        if not entries or not all(isinstance(entry, Entry) for entry in entries):
            raise ValueError(f"entries must be a list of entries of a menu, got {shown(entries)}")
        self.users: ConversationUsers = simulator.users
        self.entries = tuple(entries)
        self._slate_size = simulator.slate_size
        self._num_chips = simulator.query_spec.attributes.shape[0]
        for entry in self.entries:
            entry.check(simulator.slate_size, self.users)

    @property
    def num_turns(self) -> int:
        """M."""
        return sum(entry.num_turns for entry in self.entries)

    @property
    def labels(self) -> list[str]:
        """What each of the M turns is, for people."""
        return [label for entry in self.entries for label in entry.labels(self.users)]

    def turns(self, view: Outlook, seed: tf.Tensor) -> Turn:
        """The turns [B, M, ...]; the seed is for entries that draw."""
        seeds = random.split_seed(seed, len(self.entries))
        parts = [
            entry.turns(view, self.users, self._slate_size, self._num_chips, entry_seed)
            for entry, entry_seed in zip(self.entries, seeds, strict=True)
        ]
        return tf.nest.map_structure(lambda *leaves: tf.concat(leaves, axis=1), *parts)

    def information(self, view: Outlook, turns: Turn, measure: str = "evoi") -> tf.Tensor:
        """[B, M]: what the replies to the turns tell, by a measure of `entries.MEASURES`."""
        check_measure(measure)
        values = [
            entry.information(view, self.users, part, measure)
            for entry, part in self._by_entry(turns)
        ]
        return tf.concat(values, axis=1)

    def rewards(self, view: Outlook, turns: Turn) -> tf.Tensor:
        """[B, M]: expected utility that a user finds in a turn at once."""
        return tf.concat(
            [entry.reward(view, part) for entry, part in self._by_entry(turns)], axis=1
        )

    def explain(self, view: Outlook, seed: tf.Tensor, measure: str) -> Explanation:
        """The turns, and what their replies tell by a measure."""
        values = self.information(view, self.turns(view, seed), measure)
        name = "EVOI" if measure == "evoi" else measure.replace("_", " ")
        return Explanation(alternatives={name: values}, labels=self.labels)

    def _by_entry(self, turns: Turn) -> Iterator[tuple[Entry, Turn]]:
        end = 0
        for entry in self.entries:
            begin, end = end, end + entry.num_turns
            yield entry, tf.nest.map_structure(lambda leaf: leaf[:, begin:end], turns)  # noqa: B023


def at(turns: Turn, index: tf.Tensor) -> Turn:
    """The turn [B, ...] at an index int32 [B] into the turns [B, M, ...] of each user."""
    picked = nests.take(turns, index[:, tf.newaxis])
    return tf.nest.map_structure(lambda leaf: leaf[:, 0], picked)


def check_measure(measure: str) -> None:
    """Raises `ValueError` for an unknown measure."""
    validation.check_one_of(MEASURES, measure=measure)


def check_conversation(simulator: Simulator) -> None:
    """Raises `ValueError` for a simulator of something else than conversations."""
    if not isinstance(getattr(simulator, "users", None), ConversationUsers):
        raise ValueError(
            "simulator must be of Conversation-v0, whose users are ConversationUsers, got"
            f" {type(getattr(simulator, 'users', simulator)).__name__}"
        )
