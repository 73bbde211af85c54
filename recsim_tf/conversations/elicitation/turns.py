# SPDX-License-Identifier: Apache-2.0
"""Kinds of turns that a system may take next, and the value of each turn."""

from collections.abc import Callable, Sequence
from typing import Annotated, ClassVar

import tensorflow as tf

from recsim_tf.belief import evoi, expected_max, information_gain, predictive_entropy
from recsim_tf.conversations.acts import OFFERS, Act
from recsim_tf.conversations.documents import degrees, ideal, in_sense
from recsim_tf.conversations.elicitation.believing import (
    CandidateBelief,
    check_believed,
    check_conversation,
)
from recsim_tf.conversations.types import Query
from recsim_tf.conversations.users import ConversationUsers
from recsim_tf.core import nests, random
from recsim_tf.core.base.arguments import AtLeast, Count, OneOf, checked, configurable
from recsim_tf.core.base.types import Turn
from recsim_tf.core.models.explanations import Explanation
from recsim_tf.core.simulator import Simulator

MEASURES = ("evoi", "information_gain", "entropy")


class TurnKind:
    """A kind of turn. Its turns may differ between users, but their number Q may not."""

    act: ClassVar[Act]
    num_turns: int = 1  # number of turns Q
    slate_size: int | None = None  # size K of its slates; None for that of the environment
    label: str = ""  # label of its only turn

    def check(self, simulator: Simulator, users: ConversationUsers) -> None:
        """Raises `ValueError` if the sizes of an environment, or of the believed users, do not
        fit.
        """
        if self.slate_size is not None and self.slate_size > simulator.slate_size:
            raise ValueError(
                f"slate_size of a kind of turns must be at most {simulator.slate_size}, that of the"
                f" environment, got {self.slate_size}"
            )

    def propose(
        self,
        believed: CandidateBelief,
        simulator: Simulator,
        users: ConversationUsers,
        seed: random.Seed,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The turns: candidate positions int32 [B, Q, k], k <= slate_size, and attributes int32
        [B, Q, c], with -1 for none. By default one turn shows the optimal recommendation set.

        Args:
          believed: the belief about the B users.
          simulator: the simulator of conversations.
          users: the user model of the belief.
          seed: the seed of turns that are drawn.
        """
        return _single_turn(believed.best_set(self.slate_size or simulator.slate_size))

    def labels(self, users: ConversationUsers) -> list[str]:
        """Descriptions of the Q turns, for people."""
        return [self.label]


@configurable
class ShowSet(TurnKind):
    """Recommends the optimal recommendation set of the belief."""

    act = Act.RECOMMEND
    label = "recommend the best set"


@configurable
class CompareSet(TurnKind):
    """Asks for the item of the optimal recommendation set that the user likes best. This is the
    optimal choice query if choices have no noise (Viappiani & Boutilier 2010).

    Args:
      slate_size: size K of the set, at least 2.
    """

    act = Act.COMPARE

    def __init__(self, slate_size: Annotated[int, AtLeast(2)] = 2):
        self.slate_size: int = slate_size
        self.label = f"compare the best {slate_size}"


class ComparePairs(TurnKind):
    """Asks for the item of a pair that the user likes better. The pairs are drawn.

    Args:
      num_pairs: number of pairs Q.
    """

    act = Act.COMPARE
    slate_size = 2

    @checked
    def __init__(self, num_pairs: Count = 15):
        self.num_turns = num_pairs

    def labels(self, users: ConversationUsers):
        return [f"compare pair {index}" for index in range(self.num_turns)]

    def propose(
        self,
        believed: CandidateBelief,
        simulator: Simulator,
        users: ConversationUsers,
        seed: random.Seed,
    ):
        shape = [believed.num_users, self.num_turns]
        first_seed, other_seed = random.split_seed(seed, 2)
        first = random.uniform_integers(shape, first_seed, believed.num_candidates)
        step = random.uniform_integers(shape, other_seed, believed.num_candidates - 1)
        pairs = tf.stack([first, (first + 1 + step) % believed.num_candidates], axis=-1)
        return pairs, _no_attributes(pairs)


@configurable
class Endorse(TurnKind):
    """Endorses the best item, first in the best set."""

    act = Act.ENDORSE
    label = "endorse the best item"


@configurable
class AskAttributes(TurnKind):
    """Asks about each attribute whether the ideal item has more of it than an anchor.

    The anchor is the candidate whose degree of the attribute is closest to the belief's mean degree
    of the ideal item. Its answer is the least certain.

    Args:
      num_attributes: number of attributes A of the users.
      anchored: whether there is an anchor. Without an anchor the question is about the sign alone.
    """

    act = Act.ASK

    def __init__(self, num_attributes: Count = 5, anchored: bool = True):
        self.num_turns = num_attributes
        self._anchored = anchored

    def labels(self, users: ConversationUsers):
        alone = "" if self._anchored else " alone"
        return [f"ask about {users.attribute_name(a)}{alone}" for a in range(self.num_turns)]

    def check(self, simulator: Simulator, users: ConversationUsers):
        super().check(simulator, users)
        num_attributes = users.num_attributes
        if self.num_turns != num_attributes:
            raise ValueError(
                f"num_attributes must be {num_attributes}, that of the users, got {self.num_turns}"
            )

    def propose(
        self,
        believed: CandidateBelief,
        simulator: Simulator,
        users: ConversationUsers,
        seed: random.Seed,
    ):
        numbers = tf.range(self.num_turns)[tf.newaxis, :, tf.newaxis]
        asked = tf.tile(numbers, [believed.num_users, 1, 1])
        if not self._anchored:
            return _no_attributes(asked), asked
        wanted, items = _ideals_and_degrees(users, believed)
        anchor = tf.argmin(tf.abs(items - wanted[:, tf.newaxis]), axis=1, output_type=tf.int32)
        return anchor[..., tf.newaxis], asked


class AskItem(TurnKind):
    """Asks whether the user likes the best item."""

    act = Act.ASK
    label = "ask about the best item"

    def propose(
        self,
        believed: CandidateBelief,
        simulator: Simulator,
        users: ConversationUsers,
        seed: random.Seed,
    ):
        return _single_turn(believed.best(1))


@configurable
class ShowChips(TurnKind):
    """Shows the best set, and as chips the attributes with the largest degrees in the belief's
    ideal item.

    Args:
      num_chips: number of chips, at most that of the environment. Users with fewer attributes are
        shown all of them.
    """

    act = Act.CHIPS
    label = "show chips"

    def __init__(self, num_chips: Count = 3):
        self._num_chips = num_chips

    def check(self, simulator: Simulator, users: ConversationUsers):
        super().check(simulator, users)
        num_chips = simulator.query_spec.attributes.shape[0]
        if self._num_chips > num_chips:
            raise ValueError(
                f"num_chips must be at most {num_chips}, that of the environment, got"
                f" {self._num_chips}"
            )

    def propose(
        self,
        believed: CandidateBelief,
        simulator: Simulator,
        users: ConversationUsers,
        seed: random.Seed,
    ):
        wanted, _ = _ideals_and_degrees(users, believed)
        chips = tf.math.top_k(wanted, min(self._num_chips, users.num_attributes)).indices
        return believed.best_set(simulator.slate_size)[:, tf.newaxis], chips[:, tf.newaxis]


class CandidateTurns:
    """M turns that a system may take next, ordered by kind.

    Args:
      simulator: a simulator of conversations.
      kinds: the kinds of turns.
      users: the user model of the belief, by which turns are chosen and valued; None for the users
        of the simulator.

    Raises:
      ValueError: for another environment, for no kinds, for a kind that does not fit the
        environment, or for users of other sizes.
    """

    @checked
    def __init__(
        self,
        simulator: Simulator,
        kinds: Sequence[TurnKind],
        users: ConversationUsers | None = None,
    ):
        check_conversation(simulator)
        self._users: ConversationUsers = simulator.users if users is None else users
        check_believed(self._users, simulator)
        if not kinds:
            raise ValueError("kinds must be a list of kinds of turns, got none")
        for kind in kinds:
            kind.check(simulator, self._users)
        self.kinds = tuple(kinds)
        self._simulator = simulator

    @property
    def num_turns(self) -> int:
        """The number of turns, M."""
        return sum(kind.num_turns for kind in self.kinds)

    @property
    def labels(self) -> list[str]:
        """Descriptions of the M turns, for people."""
        return [label for kind in self.kinds for label in kind.labels(self._users)]

    def turns(self, believed: CandidateBelief, seed: random.Seed) -> Turn:
        """The turns [B, M, ...]. The seed is for kinds whose turns are drawn."""
        seeds = random.split_seed(seed, len(self.kinds))
        num_chips = self._simulator.query_spec.attributes.shape[0]
        parts = []
        for kind, kind_seed in zip(self.kinds, seeds, strict=True):
            slate, named = kind.propose(believed, self._simulator, self._users, kind_seed)
            act = tf.fill([believed.num_users, kind.num_turns], int(kind.act))
            slate = _padded(slate, self._simulator.slate_size)
            parts.append(Turn(slate, Query(act, _padded(named, num_chips))))
        return tf.nest.map_structure(lambda *leaves: tf.concat(leaves, axis=1), *parts)

    @checked
    def information(
        self,
        believed: CandidateBelief,
        turns: Turn,
        measure: Annotated[str, OneOf(MEASURES)] = "evoi",
    ) -> tf.Tensor:
        """The information in the replies to the turns by one of `MEASURES`, [B, M]. It is in the
        unit of the utilities for "evoi", else in nats.
        """
        users = self._users

        def kind_information(kind: TurnKind, part: Turn):
            log_probs = believed.reply_log_probs(users, part, users.admitted[kind.act])
            if measure == "evoi":
                return evoi(believed.weights, believed.utilities, log_probs)
            if measure == "information_gain":
                return information_gain(believed.weights, log_probs)
            return predictive_entropy(believed.weights, log_probs)

        return self._by_kind(kind_information, turns)

    def rewards(self, believed: CandidateBelief, turns: Turn) -> tf.Tensor:
        """The expected utility of the best item on the slate of a turn, or 0 if its utility is
        negative, [B, M]; 0 for a question.
        """

        def kind_rewards(kind: TurnKind, part: Turn):
            utilities, num_users = believed.utilities, believed.num_users
            if kind.act not in OFFERS:
                return tf.zeros([num_users, kind.num_turns], utilities.dtype)
            # Utilities [B, P, N] are gathered at positions [B, Q * K].
            flat = tf.reshape(tf.maximum(part.slate, 0), [num_users, -1])
            item_utilities = tf.gather(utilities, flat, axis=2, batch_dims=1)
            item_utilities = tf.reshape(
                item_utilities, [num_users, utilities.shape[1], *part.slate.shape[1:]]
            )
            item_utilities = tf.where((part.slate >= 0)[:, tf.newaxis], item_utilities, 0)
            return expected_max(believed.weights, tf.nn.relu(item_utilities))

        return self._by_kind(kind_rewards, turns)

    def explain(
        self, believed: CandidateBelief, seed: random.Seed, measure: str = "evoi"
    ) -> Explanation:
        """The turns, and the information in their replies by a measure."""
        values = self.information(believed, self.turns(believed, seed), measure)
        name = "EVOI" if measure == "evoi" else measure.replace("_", " ")
        return Explanation(alternatives={name: values}, labels=self.labels)

    def _by_kind(self, function: Callable[[TurnKind, Turn], tf.Tensor], turns: Turn) -> tf.Tensor:
        """The results [B, Q] of a function for each kind and its turns, joined to [B, M]."""
        sizes = [kind.num_turns for kind in self.kinds]
        leaves = [tf.split(leaf, sizes, axis=1) for leaf in tf.nest.flatten(turns)]
        parts = [tf.nest.pack_sequence_as(turns, part) for part in zip(*leaves, strict=True)]
        values = [function(kind, part) for kind, part in zip(self.kinds, parts, strict=True)]
        return tf.concat(values, axis=1)


def take_turn(turns: Turn, index: tf.Tensor) -> Turn:
    """The turn [B, ...] of an index int32 [B] into the turns [B, M, ...] of each user."""
    picked = nests.take(turns, index[:, tf.newaxis])
    return tf.nest.map_structure(lambda leaf: leaf[:, 0], picked)


def _ideals_and_degrees(
    users: ConversationUsers, believed: CandidateBelief
) -> tuple[tf.Tensor, tf.Tensor]:
    """The expected degree of each attribute in the ideal item, [B, A], and its degree in each
    candidate, averaged over senses, [B, N, A].
    """
    directions = tf.cast(tf.convert_to_tensor(users.directions), believed.utilities.dtype)
    taste = believed.state.taste
    num_users = believed.num_users
    num_particles, num_factors = taste.shape[1:]
    senses = tf.reshape(believed.state.senses, [num_users * num_particles, -1])
    flat = ideal(tf.reshape(taste, [-1, num_factors]))
    wanted = in_sense(degrees(directions, flat), senses)
    wanted = tf.reshape(wanted, [num_users, num_particles, -1])
    means = tf.reduce_mean(directions, axis=-2)
    items = tf.einsum("af,bnf->bna", means, believed.documents.factors)
    return tf.reduce_sum(believed.weights[..., tf.newaxis] * wanted, axis=1), items


def _single_turn(slate: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """A single turn [B, 1, ...] with a slate [B, K] and no attributes."""
    slate = slate[:, tf.newaxis]
    return slate, _no_attributes(slate)


def _no_attributes(turns: tf.Tensor) -> tf.Tensor:
    """Missing attributes for turns [B, Q, ...]: -1, int32 [B, Q, 1]."""
    return -tf.ones_like(turns[..., :1])


def _padded(values: tf.Tensor, length: int) -> tf.Tensor:
    missing = length - values.shape[-1]
    return tf.pad(values[..., :length], [[0, 0], [0, 0], [0, max(missing, 0)]], constant_values=-1)
