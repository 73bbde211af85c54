"""Policies that ask."""

import functools
from collections.abc import Sequence
from typing import Any

import gin
import tensorflow as tf

from recsim_tf.conversations.acts import Act
from recsim_tf.conversations.elicitation.believing import BelievingPolicy, plain_turn
from recsim_tf.conversations.elicitation.candidates import CandidateBelief
from recsim_tf.conversations.elicitation.turns import (
    MEASURES,
    AskAttributes,
    CandidateTurns,
    CompareSet,
    TurnKind,
    take_turn,
)
from recsim_tf.core import nests, random, validation
from recsim_tf.core.explanations import Explanation
from recsim_tf.core.parameters import parameter

RANDOM = "random"


class _Asking(BelievingPolicy):
    """Chooses among turns of some kinds."""

    kinds: Sequence[TurnKind] | None = None

    def check(self):
        super().check()
        if self.kinds is not None:
            CandidateTurns(self.simulator, self.kinds)

    @functools.cached_property
    def candidate_turns(self) -> CandidateTurns:
        """The turns to choose from."""
        users = self.tracker.belief.users
        default = (CompareSet(), AskAttributes(users.num_attributes))
        return CandidateTurns(self.simulator, default if self.kinds is None else self.kinds)


@gin.configurable
class AskMost(_Asking):
    """Always takes the turn whose reply has the most information about the user.

    Args:
      simulator: of conversations.
      kinds: of the turns to choose from; None for the comparison of the best pair and a question
        about each attribute.
      measure: "evoi" (expected value of information), "information_gain" or "entropy"; "random"
        takes any turn, and each with the same probability.
      belief: None for a `GaussianBelief` about the users of the simulator.

    Raises:
      ValueError: for an unknown measure, or a kind that does not suit the environment.
    """

    measure: str = "evoi"

    def check(self):
        super().check()
        validation.check_one_of((*MEASURES, RANDOM), measure=self.measure)

    def choose(self, believed: CandidateBelief, seed: random.Seed):
        turns_seed, index_seed = random.split_seed(seed, 2)
        turns = self.candidate_turns.turns(believed, turns_seed)
        if self.measure == RANDOM:
            number = self.candidate_turns.num_turns
            index = random.uniform_integers([believed.num_users], index_seed, number)
        else:
            index = _first_best(self.candidate_turns.information(believed, turns, self.measure))
        return take_turn(turns, index)

    def alternatives(self, believed: CandidateBelief, seed: random.Seed):
        if self.measure == RANDOM:
            return Explanation()
        turns_seed, _ = random.split_seed(seed, 2)
        return self.candidate_turns.explain(believed, turns_seed, self.measure)


@gin.configurable
class AskWhileItPays(_Asking):
    """Asks the question of the largest expected value of information while that is at least the
    cost of asking, else recommends the best set.

    Args:
      simulator: of conversations.
      kinds: of the questions; None for the comparison of the best pair and a question about each
        attribute.
      cost: of a question, in the unit of the utilities. What a question costs in patience is part
        of it.
      belief: None for a `GaussianBelief` about the users of the simulator.

    Raises:
      ValueError: if the cost is no number, or for a kind that does not suit the environment.
    """

    cost: Any = parameter(0.1)

    def choose(self, believed: CandidateBelief, seed: random.Seed):
        questions = self.candidate_turns.turns(believed, seed)
        values = self.candidate_turns.information(believed, questions)
        asks = tf.reduce_max(values, axis=1) >= self.per_user("cost")
        question = take_turn(questions, _first_best(values))
        slate = believed.best_set(self.simulator.slate_size)
        return nests.where(asks, question, plain_turn(self.simulator, Act.RECOMMEND, slate))

    def alternatives(self, believed: CandidateBelief, seed: random.Seed):
        return self.candidate_turns.explain(believed, seed)


def _first_best(values: tf.Tensor) -> tf.Tensor:
    """int32 [B]: the first of the largest values [B, M]."""
    return tf.argmax(values, axis=1, output_type=tf.int32)
