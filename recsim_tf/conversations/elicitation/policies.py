# SPDX-License-Identifier: Apache-2.0
"""Policies that recommend, and policies that ask."""

import abc
import functools
from collections.abc import Sequence
from typing import Annotated, Any

import tensorflow as tf

from recsim_tf.conversations.acts import Act
from recsim_tf.conversations.elicitation.believing import (
    BelievingPolicy,
    CandidateBelief,
    check_conversation,
    plain_turn,
)
from recsim_tf.conversations.elicitation.turns import (
    MEASURES,
    AskAttributes,
    CandidateTurns,
    CompareSet,
    TurnKind,
    take_turn,
)
from recsim_tf.core import nests, random
from recsim_tf.core.base.arguments import Count, OneOf, configurable
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Nest, Observation, Turn
from recsim_tf.core.models.explanations import Explanation
from recsim_tf.core.simulator import Simulator

# The comparison that policies make by default.
_PAIR = CompareSet(2)


class _Recommending(BelievingPolicy):
    """A policy that recommends a number of candidates.

    Args:
      simulator: a simulator of conversations.
      num_shown: number of candidates that are shown, at most slate_size; None for slate_size.
      belief: see `BelievingPolicy`.
    """

    num_shown: Count | None = None

    def check(self):
        super().check()
        if self._num_shown > self.simulator.slate_size:
            raise ValueError(
                f"num_shown must be at most slate_size={self.simulator.slate_size}, got"
                f" {self._num_shown}"
            )

    @property
    def _num_shown(self) -> int:
        return self.simulator.slate_size if self.num_shown is None else self.num_shown

    def choose(self, believed: CandidateBelief, seed: random.Seed):
        return plain_turn(self.simulator, Act.RECOMMEND, self._slate(believed, seed))

    @abc.abstractmethod
    def _slate(self, believed: CandidateBelief, seed: random.Seed) -> tf.Tensor:
        """The candidates to recommend, int32 [B, num_shown]."""


@configurable
class RecommendBest(_Recommending):
    """Recommends the candidates with the largest expected utilities."""

    def _slate(self, believed: CandidateBelief, seed: random.Seed):
        return believed.best(self._num_shown)


@configurable
class RecommendSet(_Recommending):
    """Recommends the set whose best item has the largest expected utility (Viappiani & Boutilier
    2010), see `recsim_tf.belief.recommendation_set`.
    """

    def _slate(self, believed: CandidateBelief, seed: random.Seed):
        return believed.best_set(self._num_shown)


@configurable
class ThompsonSampling(_Recommending):
    """Recommends, for each position, the best candidate of a user drawn from the belief."""

    def _slate(self, believed: CandidateBelief, seed: random.Seed):
        used = tf.zeros([believed.num_users, believed.num_candidates], tf.bool)
        slate = []
        for position_seed in random.split_seed(seed, self._num_shown):
            u = random.uniform([believed.num_users], position_seed, believed.weights.dtype)
            particle = random.categorical_from_uniform(u, believed.weights)
            utilities = tf.gather(believed.utilities, particle, axis=1, batch_dims=1)
            chosen = tf.argmax(tf.where(used, -float("inf"), utilities), 1, output_type=tf.int32)
            used |= tf.one_hot(chosen, believed.num_candidates, on_value=True, off_value=False)
            slate.append(chosen)
        return tf.stack(slate, axis=1)


@configurable
class RecommendKnown:
    """The full-information oracle, which recommends the best candidates by tastes that it observes.

    Args:
      simulator: a simulator of conversations whose users have `is_taste_observed=True`.

    Raises:
      ValueError: for another environment, or if tastes are hidden.
    """

    def __init__(self, simulator: Simulator):
        check_conversation(simulator)
        if not simulator.users.is_taste_observed:
            raise ValueError(
                "users must have is_taste_observed=True for a policy that knows tastes, got False"
            )
        self._simulator = simulator

    def __call__(
        self, observation: Observation, policy_state: Nest, seed: random.Seed
    ) -> tuple[Turn, Nest]:
        """A recommendation of the best slate."""
        documents = observation.documents
        utility = documents.bias + tf.linalg.matvec(documents.factors, observation.user.taste)
        slate = tf.math.top_k(utility, self._simulator.slate_size).indices
        return plain_turn(self._simulator, Act.RECOMMEND, slate), policy_state


class _Asking(BelievingPolicy):
    """A policy that chooses among turns of some kinds."""

    kinds: Sequence[TurnKind] | None = None

    def check(self):
        super().check()
        if self.kinds is None and self.simulator.slate_size < _PAIR.slate_size:
            raise ValueError(
                f"kinds must be given for slate_size={self.simulator.slate_size}, since by default"
                " pairs of items are compared, got None"
            )
        # The turns are made here, so that kinds that do not fit are refused at once.
        _ = self.candidate_turns

    @functools.cached_property
    def candidate_turns(self) -> CandidateTurns:
        """The turns to choose from."""
        users = self.tracker.belief.users
        default = (_PAIR, AskAttributes(users.num_attributes))
        kinds = default if self.kinds is None else self.kinds
        return CandidateTurns(self.simulator, kinds, users)


class AskMost(_Asking):
    """Always takes the turn whose reply has the most information about the user.

    Args:
      simulator: a simulator of conversations.
      kinds: the kinds of turns to choose from; None for the comparison of the best pair and a
        question about each attribute.
      measure: "evoi" (expected value of information), "information_gain" or "entropy"; or "random",
        which takes each turn with the same probability.
      belief: see `BelievingPolicy`.
    """

    measure: Annotated[str, OneOf((*MEASURES, "random"))] = "evoi"

    def choose(self, believed: CandidateBelief, seed: random.Seed):
        turns_seed, index_seed = random.split_seed(seed, 2)
        turns = self.candidate_turns.turns(believed, turns_seed)
        if self.measure == "random":
            number = self.candidate_turns.num_turns
            index = random.uniform_integers([believed.num_users], index_seed, number)
        else:
            values = self.candidate_turns.information(believed, turns, self.measure)
            index = tf.argmax(values, axis=1, output_type=tf.int32)
        return take_turn(turns, index)

    def alternatives(self, believed: CandidateBelief, seed: random.Seed):
        if self.measure == "random":
            return Explanation()
        turns_seed, _ = random.split_seed(seed, 2)
        return self.candidate_turns.explain(believed, turns_seed, self.measure)


@configurable
class AskWhileItPays(_Asking):
    """Asks the question with the largest expected value of information if that is at least the cost
    of a question, else recommends the best set.

    Args:
      simulator: a simulator of conversations.
      kinds: the kinds of questions; None for the comparison of the best pair and a question about
        each attribute.
      cost: the cost of a question, in the unit of the utilities. It includes the cost in patience.
      belief: see `BelievingPolicy`.
    """

    cost: Any = parameter(0.1)

    def choose(self, believed: CandidateBelief, seed: random.Seed):
        questions = self.candidate_turns.turns(believed, seed)
        values = self.candidate_turns.information(believed, questions)
        asks = tf.reduce_max(values, axis=1) >= self.per_user("cost")
        best = tf.argmax(values, axis=1, output_type=tf.int32)
        slate = believed.best_set(self.simulator.slate_size)
        return nests.where(
            asks, take_turn(questions, best), plain_turn(self.simulator, Act.RECOMMEND, slate)
        )

    def alternatives(self, believed: CandidateBelief, seed: random.Seed):
        return self.candidate_turns.explain(believed, seed)
