"""Entries of a menu: kinds of turns that a system may take, each with turns to choose from."""

import abc
from typing import ClassVar

import gin
import tensorflow as tf

from recsim_tf.conversations import Act, ConversationUsers
from recsim_tf.conversations.attributes import degrees, in_sense
from recsim_tf.conversations.elicitation.outlook import Outlook
from recsim_tf.core import random, validation


class Entry(abc.ABC):
    """A kind of turn. Its turns may differ by user, and their number Q may not."""

    act: ClassVar[Act]
    num_turns: int = 1  # Q
    slate_size: int | None = None  # K of its slates; None for any that the environment has
    label: str = ""  # of its only turn

    def check(self, slate_size: int, users: ConversationUsers) -> None:
        """Raises `ValueError` where the sizes of an environment do not suit."""
        if self.slate_size is not None and self.slate_size > slate_size:
            raise ValueError(
                f"slate_size of an entry must be at most {slate_size}, that of the environment, got"
                f" {self.slate_size}"
            )

    @abc.abstractmethod
    def propose(
        self, view: Outlook, users: ConversationUsers, slate_size: int, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Turns: candidate positions int32 [B, Q, k], k <= slate_size, and attributes int32 [B, Q,
        c]; -1 where there are none.

        Args:
          view: of the B users.
          users: the user model.
          slate_size: K, of the environment.
          seed: int32 [2], for turns that are drawn.
        """

    def labels(self, users: ConversationUsers) -> list[str]:
        """What each of the Q turns is, for people."""
        return [self.label]


@gin.configurable
class ShowSet(Entry):
    """Recommends the optimal recommendation set of the belief.

    Args:
      slate_size: K of the set; None for that of the environment.
    """

    act = Act.RECOMMEND
    label = "recommend the best set"

    def __init__(self, slate_size: int | None = None):
        if slate_size is not None:
            validation.check_count(slate_size=slate_size)
        self.slate_size = slate_size

    def propose(self, view, users, slate_size, seed):
        return _one(view.best_set(self.slate_size or slate_size), view)


@gin.configurable
class CompareSet(Entry):
    """Asks which item of the optimal recommendation set the user likes best, which is the optimal
    choice query where choices have no noise (Viappiani & Boutilier 2010).

    Args:
      slate_size: K of the set, at least 2.
    """

    act = Act.COMPARE

    def __init__(self, slate_size: int = 2):
        validation.check_at_least(2, slate_size=slate_size)
        self.slate_size = slate_size
        self.label = f"compare the best {slate_size}"

    def propose(self, view, users, slate_size, seed):
        return _one(view.best_set(self.slate_size), view)


@gin.configurable
class ComparePairs(Entry):
    """Asks which item of a pair the user likes better. The pairs are drawn.

    Args:
      num_pairs: Q.
    """

    act = Act.COMPARE
    slate_size = 2

    def __init__(self, num_pairs: int = 15):
        validation.check_count(num_pairs=num_pairs)
        self.num_turns = num_pairs

    def labels(self, users):
        return [f"compare pair {index}" for index in range(self.num_turns)]

    def propose(self, view, users, slate_size, seed):
        shape = [view.num_users, self.num_turns]
        first_seed, other_seed = random.split_seed(seed, 2)
        first = random.uniform_integers(shape, first_seed, view.num_candidates)
        step = random.uniform_integers(shape, other_seed, view.num_candidates - 1)
        pairs = tf.stack([first, (first + 1 + step) % view.num_candidates], axis=-1)
        return pairs, _no_attributes(view, self.num_turns)


@gin.configurable
class Endorse(Entry):
    """Endorses the best item, first in the best set."""

    act = Act.ENDORSE
    label = "endorse the best item"

    def propose(self, view, users, slate_size, seed):
        return _one(view.best_set(slate_size), view)


@gin.configurable
class AskAttributes(Entry):
    """Asks about each attribute: whether the ideal item has more of it than an anchor.

    The anchor is the candidate that lies, in its degree of the attribute, next to the mean of what
    the belief takes for ideal. So the answer is least certain.

    Args:
      anchored: whether there is an anchor; without, the question is about the sign alone.
      num_attributes: A, of the users.
    """

    act = Act.ASK

    def __init__(self, num_attributes: int = 5, anchored: bool = True):
        validation.check_count(num_attributes=num_attributes)
        self.num_turns = num_attributes
        self._anchored = anchored

    def labels(self, users):
        alone = "" if self._anchored else " alone"
        return [f"ask about {users.attribute_name(a)}{alone}" for a in range(self.num_turns)]

    def check(self, slate_size, users):
        super().check(slate_size, users)
        if self.num_turns != users.num_attributes:
            raise ValueError(
                f"num_attributes must be {users.num_attributes}, that of the users, got"
                f" {self.num_turns}"
            )

    def propose(self, view, users, slate_size, seed):
        attributes = tf.tile(
            tf.range(self.num_turns)[tf.newaxis, :, tf.newaxis], [view.num_users, 1, 1]
        )
        if not self._anchored:
            return _no_attributes(view, self.num_turns), attributes
        ideal, items = _ideals_and_degrees(users, view)
        anchor = tf.argmin(tf.abs(items - ideal[:, tf.newaxis]), axis=1, output_type=tf.int32)
        return anchor[..., tf.newaxis], attributes


@gin.configurable
class AskItem(Entry):
    """Asks whether the user likes the best item."""

    act = Act.ASK
    label = "ask about the best item"

    def propose(self, view, users, slate_size, seed):
        return _one(view.best(1), view)


@gin.configurable
class ShowChips(Entry):
    """Shows the best set, and as chips the attributes of which the belief's ideal item has most.

    Args:
      num_chips: how many, at most the environment's.
    """

    act = Act.CHIPS
    label = "show chips"

    def __init__(self, num_chips: int = 3):
        validation.check_count(num_chips=num_chips)
        self._num_chips = num_chips

    def propose(self, view, users, slate_size, seed):
        ideal, _ = _ideals_and_degrees(users, view)
        chips = tf.math.top_k(ideal, min(self._num_chips, users.num_attributes)).indices
        return view.best_set(slate_size)[:, tf.newaxis], chips[:, tf.newaxis]


def _ideals_and_degrees(users, view):
    """The expected degree of each attribute in the ideal item, [B, A], and the degree of each
    candidate on average over senses, [B, N, A].
    """
    directions = tf.cast(tf.convert_to_tensor(users.directions), view.utilities.dtype)
    taste = view.state.taste
    num_users, num_particles, num_factors = view.num_users, taste.shape[1], taste.shape[2]
    flat = tf.reshape(taste, [-1, num_factors])
    length = tf.sqrt(tf.maximum(tf.reduce_sum(flat**2, axis=-1, keepdims=True), 1e-12))
    senses = tf.reshape(view.state.senses, [num_users * num_particles, -1])
    ideal = in_sense(degrees(directions, flat / length), senses)
    ideal = tf.reshape(ideal, [num_users, num_particles, -1])
    means = tf.reduce_mean(directions, axis=-2)
    items = tf.einsum("af,bnf->bna", means, view.documents.factors)
    return tf.reduce_sum(view.weights[..., tf.newaxis] * ideal, axis=1), items


def _one(slate, view):
    """One turn [B, 1, ...] of a slate [B, K] without attributes."""
    return slate[:, tf.newaxis], _no_attributes(view, 1)


def _no_attributes(view, num_turns):
    return tf.fill([view.num_users, num_turns, 1], -1)
