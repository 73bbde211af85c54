"""A menu: the turns of several entries, and what each is worth."""

from collections.abc import Callable, Sequence

import gin
import tensorflow as tf

from recsim_tf.belief import evoi, expected_max, information_gain, predictive_entropy
from recsim_tf.conversations import Act, ConversationUsers, Query
from recsim_tf.conversations.elicitation.entries import Entry
from recsim_tf.conversations.elicitation.outlook import Outlook, reply_log_probs
from recsim_tf.core import nests, random, validation
from recsim_tf.core.explanations import Explanation
from recsim_tf.core.ranges import shown
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Turn

MEASURES = ("evoi", "information_gain", "entropy")
# Acts that show a slate from which the user may take an item.
_OFFERS = (Act.RECOMMEND, Act.ENDORSE, Act.CHIPS)


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
        check_entries(simulator, entries)
        self.users: ConversationUsers = simulator.users
        self.entries = tuple(entries)
        self._slate_size = simulator.slate_size
        self._num_chips = simulator.query_spec.attributes.shape[0]

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
            self._turns_of(entry, view, entry_seed)
            for entry, entry_seed in zip(self.entries, seeds, strict=True)
        ]
        return tf.nest.map_structure(lambda *leaves: tf.concat(leaves, axis=1), *parts)

    def _turns_of(self, entry: Entry, view: Outlook, seed: tf.Tensor) -> Turn:
        slate, attributes = entry.propose(view, self.users, self._slate_size, seed)
        act = tf.fill([view.num_users, entry.num_turns], int(entry.act))
        return Turn(
            _padded(slate, self._slate_size),
            Query(act=act, attributes=_padded(attributes, self._num_chips)),
        )

    def information(self, view: Outlook, turns: Turn, measure: str = "evoi") -> tf.Tensor:
        """[B, M]: what the replies to the turns tell, by one of `MEASURES`; in the unit of the
        utilities for "evoi", else in nats.
        """
        check_measure(measure)

        def of_entry(entry, part):
            log_probs = reply_log_probs(self.users, view, part, self.users.admitted(entry.act))
            if measure == "evoi":
                return evoi(view.weights, view.utilities, log_probs)
            of = information_gain if measure == "information_gain" else predictive_entropy
            return of(view.weights, log_probs)

        return self._of_entries(of_entry, turns)

    def rewards(self, view: Outlook, turns: Turn) -> tf.Tensor:
        """[B, M]: expected utility of what a user finds on the slate of a turn, 0 if nothing is
        worth taking; 0 for a question.
        """

        def of_entry(entry, part):
            if entry.act not in _OFFERS:
                return tf.zeros([view.num_users, entry.num_turns], view.utilities.dtype)
            # [B, P, N] at [B, Q * K]
            flat = tf.reshape(tf.maximum(part.slate, 0), [view.num_users, -1])
            found = tf.gather(view.utilities, flat, axis=2, batch_dims=1)
            shape = [view.num_users, view.weights.shape[1], *part.slate.shape[1:]]
            found = tf.where((part.slate >= 0)[:, tf.newaxis], tf.reshape(found, shape), 0)
            return expected_max(view.weights, tf.nn.relu(found))

        return self._of_entries(of_entry, turns)

    def explain(self, view: Outlook, seed: tf.Tensor, measure: str) -> Explanation:
        """The turns, and what their replies tell by a measure."""
        values = self.information(view, self.turns(view, seed), measure)
        name = "EVOI" if measure == "evoi" else measure.replace("_", " ")
        return Explanation(alternatives={name: values}, labels=self.labels)

    def _of_entries(self, function: Callable[[Entry, Turn], tf.Tensor], turns: Turn) -> tf.Tensor:
        """[B, M]: a function [B, Q] of each entry and its turns, side by side."""
        sizes = [entry.num_turns for entry in self.entries]
        leaves = [tf.split(leaf, sizes, axis=1) for leaf in tf.nest.flatten(turns)]
        parts = [tf.nest.pack_sequence_as(turns, part) for part in zip(*leaves, strict=True)]
        values = [function(entry, part) for entry, part in zip(self.entries, parts, strict=True)]
        return tf.concat(values, axis=1)


def at(turns: Turn, index: tf.Tensor) -> Turn:
    """The turn [B, ...] at an index int32 [B] into the turns [B, M, ...] of each user."""
    picked = nests.take(turns, index[:, tf.newaxis])
    return tf.nest.map_structure(lambda leaf: leaf[:, 0], picked)


def _padded(values, length):
    missing = length - values.shape[-1]
    return tf.pad(values[..., :length], [[0, 0], [0, 0], [0, max(missing, 0)]], constant_values=-1)


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


def check_entries(simulator: Simulator, entries: Sequence[Entry]) -> None:
    """Requires entries that suit a simulator of conversations; raises `ValueError`."""
    check_conversation(simulator)
    if not entries or not all(isinstance(entry, Entry) for entry in entries):
        raise ValueError(f"entries must be a list of entries of a menu, got {shown(entries)}")
    for entry in entries:
        entry.check(simulator.slate_size, simulator.users)
