# SPDX-License-Identifier: Apache-2.0
"""The base of bandits over arms and key-terms: questions, their frequency, and feedback."""

import abc
import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from recsim_tf.conversations.key_terms import KeyTermDocuments
from recsim_tf.core import random
from recsim_tf.core.base.arguments import Count, checked, configurable
from recsim_tf.core.base.types import Nest, Observation, Policy
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step.acting import check_users
from recsim_tf.policies import PolicyModel

# The function b from the numbers of finished rounds of users, int32 [B], to the numbers of
# questions that should be asked before the next round, int32 [B].
Questions = Callable[[tf.Tensor], tf.Tensor]


@checked
def logarithmic_questions(rounds: tf.Tensor, factor: Count = 5) -> tf.Tensor:
    """ConUCB's number of questions after t rounds, factor * floor(ln(t + 1)), int32 [B]; 25 in 400
    rounds.

    Args:
      rounds: number of rounds t, int32 [B].
      factor: questions at a time; 5 in the authors' code.

    Raises:
      ValueError: if the factor is not an integer of at least 1.
    """
    return factor * tf.cast(tf.math.log(tf.cast(rounds + 1, tf.float32)), tf.int32)


class BanditState(NamedTuple):
    """Policy state of B users."""

    rounds: tf.Tensor  # int32 [B], number of rounds in which an arm was shown
    questions: tf.Tensor  # int32 [B], number of questions that were asked
    belief: Nest  # nest of [B, ...], belief about the taste


class Feedback(NamedTuple):
    """Feedback of B users in their last responses; zeros at the start of a session."""

    features: tf.Tensor  # [B, F], features of the arm or the key-term that was shown
    liked: tf.Tensor  # [B], 1 or 0
    asked: tf.Tensor  # [B], 1 where a key-term was shown


class KeyTermBandit(PolicyModel, abc.ABC):
    """A rollout policy that shows the arm with the highest score. In some rounds it first asks for
    key-terms, one at a time.

    After t rounds of a user, b(t) questions should have been asked. As long as there are fewer, the
    key-term with the highest score is shown, and the round waits. Candidates change with each
    question; in the papers all questions of a round have the same candidates.

    Args:
      simulator: key terms with slates of one item.
      questions: the function b, such as `logarithmic_questions`; None for no questions.

    Raises:
      ValueError: for another environment, longer slates, or a number out of range.
    """

    simulator: Simulator
    questions: Questions | None = dataclasses.field(default=None, kw_only=True)

    def check(self):
        name = type(self).__name__
        _check_key_terms(name, self.simulator)
        if self.simulator.slate_size != 1:
            raise ValueError(
                f"slate_size must be 1 for {name}, which shows one item, got"
                f" {self.simulator.slate_size}"
            )

    @property
    def _num_features(self) -> int:
        return self.simulator.documents.num_features

    @property
    def dtype(self) -> tf.DType:  # type: ignore[override]
        return self.simulator.documents.dtype

    @property
    def _num_offered(self) -> tuple[int, int]:
        """The numbers of candidates that are arms, and that are key-terms."""
        return self.simulator.documents.split(self.simulator.num_candidates)

    @abc.abstractmethod
    def initial_belief(self, num_users: int) -> Nest:
        """The belief before the first response, a nest of [num_users, ...]."""

    @abc.abstractmethod
    def learn(self, belief: Nest, feedback: Feedback) -> Nest:
        """The belief after a response."""

    @abc.abstractmethod
    def arm_scores(self, belief: Nest, arms: tf.Tensor) -> tf.Tensor:
        """Scores [B, N] of arms [B, N, F]."""

    def key_term_scores(self, belief: Nest, arms: tf.Tensor, key_terms: tf.Tensor) -> tf.Tensor:
        """Scores [B, M] of key-terms [B, M, F], given arms [B, N, F]; by default all are equal."""
        return tf.zeros_like(key_terms[:, :, 0])

    def initial_state(self, num_users: int) -> BanditState:
        check_users(type(self).__name__, self, num_users)
        none = tf.zeros([num_users], tf.int32)
        return BanditState(none, none, self.initial_belief(num_users))

    def __call__(
        self, observation: Observation, policy_state: BanditState, seed: random.Seed
    ) -> tuple[tf.Tensor, BanditState]:
        """Slates int32 [B, 1], and the policy state updated by the last response."""
        response = observation.response
        belief = self.learn(
            policy_state.belief,
            Feedback(
                features=response.features[:, 0],
                liked=response.clicked[:, 0] + response.answer[:, 0],
                asked=response.asked[:, 0],
            ),
        )
        num_arms, num_key_terms = self._num_offered
        features_of, ids = self.simulator.documents.features_of, observation.documents.item_id
        arms = features_of(ids[:, :num_arms])
        slate = _best(self.arm_scores(belief, arms))
        rounds, questions = policy_state.rounds, policy_state.questions
        if self.questions is None or not num_key_terms:
            return slate[:, tf.newaxis], BanditState(rounds + 1, questions, belief)
        asks = questions < self.questions(rounds)

        def scores_of(ids: tf.Tensor):
            return self.key_term_scores(belief, arms, features_of(ids))

        # Few rounds have a question, so the scores of the many key-terms are computed only then.
        slate = tf.cond(
            tf.reduce_any(asks),
            lambda: tf.where(asks, num_arms + _best(scores_of(ids[:, num_arms:])), slate),
            lambda: slate,
        )
        asked = tf.cast(asks, tf.int32)
        return slate[:, tf.newaxis], BanditState(rounds + 1 - asked, questions + asked, belief)


@configurable(module="recsim_tf.agents")
def random_arms(simulator: Simulator) -> Policy:
    """A policy for key terms that shows a uniformly random arm and asks no questions.

    Args:
      simulator: key terms with any slate size; the slate has one item.

    Raises:
      ValueError: for another environment.
    """
    _check_key_terms("random_arms", simulator)
    num_arms, _ = simulator.documents.split(simulator.num_candidates)

    def act(observation: Observation, policy_state: Nest, seed: random.Seed):
        num_users = observation.documents.item_id.shape[0]
        numbers = random.uniform([num_users, 1], seed)
        return tf.cast(numbers * num_arms, tf.int32), policy_state

    return act


def _check_key_terms(name: str, simulator: Simulator) -> None:
    documents = simulator.documents
    if not isinstance(documents, KeyTermDocuments):
        raise ValueError(
            f"{name} needs an environment with KeyTermDocuments, got {type(documents).__name__}"
        )


def _best(scores: tf.Tensor) -> tf.Tensor:
    return tf.argmax(scores, axis=-1, output_type=tf.int32)
