"""The turns that a system may take next: of several kinds, and what each turn is worth."""

from collections.abc import Callable, Sequence
from typing import ClassVar

import gin
import tensorflow as tf

from recsim_tf.belief import evoi, expected_max, information_gain, predictive_entropy
from recsim_tf.conversations.acts import OFFERS, Act
from recsim_tf.conversations.attributes import degrees, ideal, in_sense
from recsim_tf.conversations.elicitation.believing import CandidateBelief, check_conversation
from recsim_tf.conversations.types import Query
from recsim_tf.conversations.users import ConversationUsers
from recsim_tf.core import nests, random
from recsim_tf.core.base import validation
from recsim_tf.core.base.ranges import shown
from recsim_tf.core.base.types import Turn
from recsim_tf.core.models.explanations import Explanation
from recsim_tf.core.simulator import Simulator

MEASURES = ("evoi", "information_gain", "entropy")


class TurnKind:
    """A kind of turn. Its turns may differ by user, and their number Q may not."""

    act: ClassVar[Act]
    num_turns: int = 1  # Q
    slate_size: int | None = None  # K of its slates; None for that of the environment
    label: str = ""  # of its only turn

    def check(self, simulator: Simulator) -> None:
        """Raises `ValueError` where the sizes of an environment do not suit."""
        if self.slate_size is not None and self.slate_size > simulator.slate_size:
            raise ValueError(
                f"slate_size of a kind of turns must be at most {simulator.slate_size}, that of the"
                f" environment, got {self.slate_size}"
            )

    def propose(
        self, believed: CandidateBelief, simulator: Simulator, seed: random.Seed
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Turns: candidate positions int32 [B, Q, k], k <= slate_size, and attributes int32 [B, Q,
        c]; -1 where there are none. By default one turn, of the optimal recommendation set.

        Args:
          believed: about the B users.
          simulator: of conversations.
          seed: for turns that are drawn.
        """
        return _one(believed.best_set(self.slate_size or simulator.slate_size))

    def labels(self, users: ConversationUsers) -> list[str]:
        """What each of the Q turns is, for people."""
        return [self.label]


@gin.configurable
class ShowSet(TurnKind):
    """Recommends the optimal recommendation set of the belief."""

    act = Act.RECOMMEND
    label = "recommend the best set"


@gin.configurable
class CompareSet(TurnKind):
    """Asks which item of the optimal recommendation set the user likes best, which is the optimal
    choice query where choices have no noise (Viappiani & Boutilier 2010).

    Args:
      slate_size: K of the set, at least 2.
    """

    act = Act.COMPARE

    def __init__(self, slate_size: int = 2):
        validation.check_at_least(2, slate_size=slate_size)
        self.slate_size: int = slate_size
        self.label = f"compare the best {slate_size}"


class ComparePairs(TurnKind):
    """Asks which item of a pair the user likes better. The pairs are drawn.

    Args:
      num_pairs: Q.
    """

    act = Act.COMPARE
    slate_size = 2

    def __init__(self, num_pairs: int = 15):
        validation.check_count(num_pairs=num_pairs)
        self.num_turns = num_pairs

    def labels(self, users: ConversationUsers):
        return [f"compare pair {index}" for index in range(self.num_turns)]

    def propose(self, believed: CandidateBelief, simulator: Simulator, seed: random.Seed):
        shape = [believed.num_users, self.num_turns]
        first_seed, other_seed = random.split_seed(seed, 2)
        first = random.uniform_integers(shape, first_seed, believed.num_candidates)
        step = random.uniform_integers(shape, other_seed, believed.num_candidates - 1)
        pairs = tf.stack([first, (first + 1 + step) % believed.num_candidates], axis=-1)
        return pairs, _no_attributes(pairs)


@gin.configurable
class Endorse(TurnKind):
    """Endorses the best item, first in the best set."""

    act = Act.ENDORSE
    label = "endorse the best item"


@gin.configurable
class AskAttributes(TurnKind):
    """Asks about each attribute: whether the ideal item has more of it than an anchor.

    The anchor is the candidate that lies, in its degree of the attribute, next to the mean of what
    the belief takes for ideal. So the answer is least certain.

    Args:
      num_attributes: A, of the users.
      anchored: whether there is an anchor; without, the question is about the sign alone.
    """

    act = Act.ASK

    def __init__(self, num_attributes: int = 5, anchored: bool = True):
        validation.check_count(num_attributes=num_attributes)
        self.num_turns = num_attributes
        self._anchored = anchored

    def labels(self, users: ConversationUsers):
        alone = "" if self._anchored else " alone"
        return [f"ask about {users.attribute_name(a)}{alone}" for a in range(self.num_turns)]

    def check(self, simulator: Simulator):
        super().check(simulator)
        num_attributes = simulator.users.num_attributes
        if self.num_turns != num_attributes:
            raise ValueError(
                f"num_attributes must be {num_attributes}, that of the users, got {self.num_turns}"
            )

    def propose(self, believed: CandidateBelief, simulator: Simulator, seed: random.Seed):
        numbers = tf.range(self.num_turns)[tf.newaxis, :, tf.newaxis]
        asked = tf.tile(numbers, [believed.num_users, 1, 1])
        if not self._anchored:
            return _no_attributes(asked), asked
        wanted, items = _ideals_and_degrees(simulator.users, believed)
        anchor = tf.argmin(tf.abs(items - wanted[:, tf.newaxis]), axis=1, output_type=tf.int32)
        return anchor[..., tf.newaxis], asked


class AskItem(TurnKind):
    """Asks whether the user likes the best item."""

    act = Act.ASK
    label = "ask about the best item"

    def propose(self, believed: CandidateBelief, simulator: Simulator, seed: random.Seed):
        return _one(believed.best(1))


@gin.configurable
class ShowChips(TurnKind):
    """Shows the best set, and as chips the attributes of which the belief's ideal item has most.

    Args:
      num_chips: how many, at most the environment's.
    """

    act = Act.CHIPS
    label = "show chips"

    def __init__(self, num_chips: int = 3):
        validation.check_count(num_chips=num_chips)
        self._num_chips = num_chips

    def propose(self, believed: CandidateBelief, simulator: Simulator, seed: random.Seed):
        wanted, _ = _ideals_and_degrees(simulator.users, believed)
        chips = tf.math.top_k(wanted, min(self._num_chips, simulator.users.num_attributes)).indices
        return believed.best_set(simulator.slate_size)[:, tf.newaxis], chips[:, tf.newaxis]


class CandidateTurns:
    """M turns that a system may take next, of several kinds in order.

    Args:
      simulator: of conversations.
      kinds: of the turns.

    Raises:
      ValueError: for another environment, without kinds, or for one that does not suit it.
    """

    def __init__(self, simulator: Simulator, kinds: Sequence[TurnKind]):
        check_conversation(simulator)
        if not kinds or not all(isinstance(kind, TurnKind) for kind in kinds):
            raise ValueError(f"kinds must be a list of kinds of turns, got {shown(kinds)}")
        for kind in kinds:
            kind.check(simulator)
        self.kinds = tuple(kinds)
        self._simulator = simulator

    @property
    def num_turns(self) -> int:
        """M."""
        return sum(kind.num_turns for kind in self.kinds)

    @property
    def labels(self) -> list[str]:
        """What each of the M turns is, for people."""
        return [label for kind in self.kinds for label in kind.labels(self._simulator.users)]

    def turns(self, believed: CandidateBelief, seed: random.Seed) -> Turn:
        """The turns [B, M, ...]; the seed is for kinds that draw."""
        seeds = random.split_seed(seed, len(self.kinds))
        num_chips = self._simulator.query_spec.attributes.shape[0]
        parts = []
        for kind, own_seed in zip(self.kinds, seeds, strict=True):
            slate, named = kind.propose(believed, self._simulator, own_seed)
            act = tf.fill([believed.num_users, kind.num_turns], int(kind.act))
            slate = _padded(slate, self._simulator.slate_size)
            parts.append(Turn(slate, Query(act, _padded(named, num_chips))))
        return tf.nest.map_structure(lambda *leaves: tf.concat(leaves, axis=1), *parts)

    def information(
        self, believed: CandidateBelief, turns: Turn, measure: str = "evoi"
    ) -> tf.Tensor:
        """[B, M]: the information in the replies to the turns, by one of `MEASURES`; in the unit of
        the utilities for "evoi", else in nats.
        """
        validation.check_one_of(MEASURES, measure=measure)
        users: ConversationUsers = self._simulator.users

        def of_kind(kind: TurnKind, part: Turn):
            log_probs = believed.reply_log_probs(users, part, users.admitted[kind.act])
            if measure == "evoi":
                return evoi(believed.weights, believed.utilities, log_probs)
            of = information_gain if measure == "information_gain" else predictive_entropy
            return of(believed.weights, log_probs)

        return self._of_kinds(of_kind, turns)

    def rewards(self, believed: CandidateBelief, turns: Turn) -> tf.Tensor:
        """[B, M]: expected utility of what a user finds on the slate of a turn, 0 if nothing is
        worth taking; 0 for a question.
        """

        def of_kind(kind: TurnKind, part: Turn):
            utilities, num_users = believed.utilities, believed.num_users
            if kind.act not in OFFERS:
                return tf.zeros([num_users, kind.num_turns], utilities.dtype)
            # [B, P, N] at [B, Q * K]
            flat = tf.reshape(tf.maximum(part.slate, 0), [num_users, -1])
            found = tf.gather(utilities, flat, axis=2, batch_dims=1)
            found = tf.reshape(found, [num_users, utilities.shape[1], *part.slate.shape[1:]])
            found = tf.where((part.slate >= 0)[:, tf.newaxis], found, 0)
            return expected_max(believed.weights, tf.nn.relu(found))

        return self._of_kinds(of_kind, turns)

    def explain(
        self, believed: CandidateBelief, seed: random.Seed, measure: str = "evoi"
    ) -> Explanation:
        """The turns, and the information in their replies by a measure."""
        values = self.information(believed, self.turns(believed, seed), measure)
        name = "EVOI" if measure == "evoi" else measure.replace("_", " ")
        return Explanation(alternatives={name: values}, labels=self.labels)

    def _of_kinds(self, function: Callable[[TurnKind, Turn], tf.Tensor], turns: Turn) -> tf.Tensor:
        """[B, M]: a function [B, Q] of each kind and its turns, side by side."""
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
    """The expected degree of each attribute in the ideal item, [B, A], and the degree of each
    candidate on average over senses, [B, N, A].
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


def _one(slate: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """One turn [B, 1, ...] of a slate [B, K] without attributes."""
    slate = slate[:, tf.newaxis]
    return slate, _no_attributes(slate)


def _no_attributes(turns: tf.Tensor) -> tf.Tensor:
    """int32 [B, Q, 1] of -1, for turns [B, Q, ...]."""
    return -tf.ones_like(turns[..., :1])


def _padded(values: tf.Tensor, length: int) -> tf.Tensor:
    missing = length - values.shape[-1]
    return tf.pad(values[..., :length], [[0, 0], [0, 0], [0, max(missing, 0)]], constant_values=-1)
