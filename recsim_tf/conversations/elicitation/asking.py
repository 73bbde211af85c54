"""Policies that ask."""

import functools
from collections.abc import Sequence
from typing import Any

import gin
import tensorflow as tf

from recsim_tf.belief import Belief
from recsim_tf.conversations import Act
from recsim_tf.conversations.elicitation.believing import BelievingPolicy
from recsim_tf.conversations.elicitation.entries import AskAttributes, CompareSet, Entry
from recsim_tf.conversations.elicitation.menu import Menu, at, check_entries, check_measure
from recsim_tf.core import nests, random
from recsim_tf.core.explanations import Explanation
from recsim_tf.core.parameters import parameter

RANDOM = "random"


@gin.configurable
class AskMost(BelievingPolicy):
    """Always takes the turn of a menu whose reply tells most.

    Args:
      simulator: of conversations.
      entries: of the menu.
      measure: "evoi" (expected value of information), "information_gain" or "entropy"; "random"
        takes any turn, and each with the same probability.
      belief: None for a `GaussianBelief` about the users of the simulator.

    Raises:
      ValueError: for an unknown measure, or an entry that does not suit the environment.
    """

    entries: Sequence[Entry]
    measure: str = "evoi"
    belief: Belief | None = None

    def check(self):
        self.follow(self.belief)
        check_entries(self.simulator, self.entries)
        if self.measure != RANDOM:
            check_measure(self.measure)

    @functools.cached_property
    def menu(self) -> Menu:
        """The turns to choose from."""
        return Menu(self.simulator, self.entries)

    def choose(self, view, seed):
        turns_seed, index_seed = random.split_seed(seed, 2)
        turns = self.menu.turns(view, turns_seed)
        if self.measure == RANDOM:
            return at(
                turns,
                random.uniform_integers([view.num_users], index_seed, self.menu.num_turns),
            )
        return at(turns, first_best(self.menu.information(view, turns, self.measure)))

    def alternatives(self, view, seed):
        if self.measure == RANDOM:
            return Explanation()
        turns_seed, _ = random.split_seed(seed, 2)
        return self.menu.explain(view, turns_seed, self.measure)


@gin.configurable
class AskWhileItPays(BelievingPolicy):
    """Asks the question of the largest expected value of information while that is at least the
    cost of asking, else recommends the best set.

    Args:
      simulator: of conversations.
      cost: of a question, in the unit of the utilities. What a question costs in patience is part
        of it.
      entries: the questions; None for the comparison of the best pair and a question about each
        attribute.
      belief: None for a `GaussianBelief` about the users of the simulator.

    Raises:
      ValueError: if the cost is no number, or for an entry that does not suit the environment.
    """

    cost: Any = parameter(0.1)
    entries: Sequence[Entry] | None = None
    belief: Belief | None = None

    def check(self):
        self.follow(self.belief)
        if self.entries is not None:
            check_entries(self.simulator, self.entries)

    @functools.cached_property
    def menu(self) -> Menu:
        """The questions to choose from."""
        default = (CompareSet(), AskAttributes(self.users.num_attributes))
        return Menu(self.simulator, default if self.entries is None else self.entries)

    def choose(self, view, seed):
        questions = self.menu.turns(view, seed)
        values = self.menu.information(view, questions)
        asks = tf.reduce_max(values, axis=1) >= self.per_user("cost")
        question = at(questions, first_best(values))
        offer = self.turn(Act.RECOMMEND, view.best_set(self.simulator.slate_size))
        return nests.where(asks, question, offer)

    def alternatives(self, view, seed):
        return self.menu.explain(view, seed, "evoi")


def first_best(values: tf.Tensor) -> tf.Tensor:
    """int32 [B]: the first of the largest values [B, M]."""
    return tf.argmax(values, axis=1, output_type=tf.int32)
