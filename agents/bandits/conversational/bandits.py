"""Bandits over arms and key-terms, with ridge regressions of each user: LinUCB, which asks nothing,
ConLinUCB, which learns from arms and key-terms alike, and ConUCB, whose key-terms are the prior of
its arms.
"""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import gin
import tensorflow as tf

from recsim_tf.conversations.key_terms import KeyTermDocuments
from recsim_tf.core import random, validation
from recsim_tf.core.acting import check_users
from recsim_tf.core.parameters import parameter
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Nest, Observation, Policy
from recsim_tf.policies import PolicyModel

# b: maps the rounds of users that are over, int32 [B], to the questions that are to have been asked
# before the next, int32 [B].
Questions = Callable[[tf.Tensor], tf.Tensor]


def logarithmic_questions(rounds: tf.Tensor, factor: int = 5) -> tf.Tensor:
    """int32 [B]: factor * floor(ln(t + 1)) after t rounds, ConUCB's frequency; 25 in 400 rounds.

    Args:
      rounds: int32 [B], t.
      factor: questions at a time; 5 by the authors' code.

    Raises:
      ValueError: if the factor is no integer of at least 1.
    """
    validation.check_count(factor=factor)
    return factor * tf.cast(tf.math.log(tf.cast(rounds + 1, tf.float32)), tf.int32)


@gin.configurable(module="recsim_tf.agents")
def periodic_questions(rounds: tf.Tensor, period: int = 10) -> tf.Tensor:
    """int32 [B]: floor(t / period) after t rounds, a question every `period` rounds.

    Raises:
      ValueError: if the period is no integer of at least 1.
    """
    validation.check_count(period=period)
    return rounds // period


class BanditState(NamedTuple):
    """Policy state of B users."""

    rounds: tf.Tensor  # int32 [B], in which an arm was shown
    questions: tf.Tensor  # int32 [B], that were asked
    belief: Nest  # nest of [B, ...], about the taste


class Feedback(NamedTuple):
    """Feedback of B users in their last responses; zeros at the start of a session."""

    features: tf.Tensor  # [B, F], of the arm or the key-term that was shown
    liked: tf.Tensor  # [B], 1 or 0
    asked: tf.Tensor  # [B], 1 where a key-term was shown


class KeyTermBandit(PolicyModel, abc.ABC):
    """A rollout policy that shows the arm of the highest score, and before that, in some rounds,
    asks for key-terms, one at a time.

    After t rounds of a user b(t) questions are to have been asked. While there are fewer, the
    key-term of the highest score is shown, and the round waits. Candidates change with each
    question; in the papers all questions of a round see the same ones.

    Args:
      simulator: key terms with slates of one item.
      questions: b, such as `logarithmic_questions`; None asks nothing.

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
    def _dtype(self) -> tf.DType:
        return self.simulator.documents.dtype

    def _of_users(self, name: str, rank: int) -> tf.Tensor:
        return self.per_user(name, rank, self._dtype)

    @abc.abstractmethod
    def initial_belief(self, num_users: int) -> Nest:
        """What is believed before the first response, a nest of [num_users, ...]."""

    @abc.abstractmethod
    def learn(self, belief: Nest, feedback: Feedback) -> Nest:
        """The belief after a response."""

    @abc.abstractmethod
    def arm_scores(self, belief: Nest, arms: tf.Tensor) -> tf.Tensor:
        """Scores [B, N] of arms [B, N, F]."""

    def key_term_scores(self, belief: Nest, arms: tf.Tensor, key_terms: tf.Tensor) -> tf.Tensor:
        """Scores [B, M] of key-terms [B, M, F], beside arms [B, N, F]; by default all are equal."""
        return tf.zeros_like(key_terms[:, :, 0])

    def initial_state(self, num_users: int) -> BanditState:
        check_users(type(self).__name__, self, num_users)
        none = tf.zeros([num_users], tf.int32)
        return BanditState(none, none, self.initial_belief(num_users))

    def __call__(
        self, observation: Observation, policy_state: BanditState, seed: random.Seed
    ) -> tuple[tf.Tensor, BanditState]:
        """Slates int32 [B, 1], and the policy state with the last response learned."""
        response = observation.response
        belief = self.learn(
            policy_state.belief,
            Feedback(
                features=response.features[:, 0],
                liked=response.clicked[:, 0] + response.answer[:, 0],
                asked=response.asked[:, 0],
            ),
        )
        num_arms, num_key_terms = self.simulator.documents.split(self.simulator.num_candidates)
        arms, key_terms = tf.split(
            observation.documents.features, [num_arms, num_key_terms], axis=1
        )
        slate = _best(self.arm_scores(belief, arms))
        rounds, questions = policy_state.rounds, policy_state.questions
        if self.questions is None or not num_key_terms:
            return slate[:, tf.newaxis], BanditState(rounds + 1, questions, belief)
        asks = questions < self.questions(rounds)
        # Few rounds have a question, and there are many key-terms to score.
        slate = tf.cond(
            tf.reduce_any(asks),
            lambda: tf.where(
                asks, num_arms + _best(self.key_term_scores(belief, arms, key_terms)), slate
            ),
            lambda: slate,
        )
        asked = tf.cast(asks, tf.int32)
        return slate[:, tf.newaxis], BanditState(rounds + 1 - asked, questions + asked, belief)


class Ridge(NamedTuple):
    """The sufficient statistics of B weighted ridge regressions, V = ridge I + sum w x x^T."""

    inverse: tf.Tensor  # [B, F, F], V^-1
    moment: tf.Tensor  # [B, F], sum w y x

    @classmethod
    def prior(
        cls, num_users: int, num_features: int, ridge: float | tf.Tensor, dtype: tf.DType
    ) -> "Ridge":
        """Without an observation; `ridge` is [] or [num_users, 1, 1]."""
        identity = tf.eye(num_features, batch_shape=[num_users], dtype=dtype)
        return cls(identity / ridge, tf.zeros([num_users, num_features], dtype))

    def observe(self, features: tf.Tensor, target: tf.Tensor, weight: tf.Tensor) -> "Ridge":
        """With an observation more for each user, by the formula of Sherman and Morrison: features
        x [B, F], target y [B] and weight w [B], of which zeros are no observation.
        """
        weighted = weight[:, tf.newaxis] * features
        along = tf.linalg.matvec(self.inverse, features)
        shrunk = along / (1 + tf.reduce_sum(weighted * along, axis=-1, keepdims=True))
        change = (weight[:, tf.newaxis] * along)[:, :, tf.newaxis] * shrunk[:, tf.newaxis]
        return Ridge(self.inverse - change, self.moment + weighted * target[:, tf.newaxis])

    def mean(self) -> tf.Tensor:
        """[B, F]: V^-1 sum w y x."""
        return tf.linalg.matvec(self.inverse, self.moment)


def squared_norms(vectors: tf.Tensor, inverse: tf.Tensor) -> tf.Tensor:
    """[B, N]: x^T V^-1 x of vectors [B, N, F] for V^-1 [B, F, F]."""
    # Rounding must not bring a length below zero.
    return tf.nn.relu(tf.reduce_sum(tf.matmul(vectors, inverse) * vectors, axis=-1))


@gin.configurable(module="recsim_tf.agents")
class LinUCB(KeyTermBandit):
    """LinUCB with a model of each user (Li et al. 2010, arXiv 1003.0146; one model for all arms):
    one ridge regression for all feedback of a user. Arms have the score x theta + alpha
    |x|_{V^-1}, the upper confidence bound.

    Args:
      simulator: key terms with slates of one item.
      ridge: lambda, the prior precision of a taste; 1 by the authors of ConUCB.
      alpha: factor of the confidence radius; 0.5 by the authors of ConUCB.
    """

    ridge: Any = parameter(1.0, above=0)
    alpha: Any = parameter(0.5, low=0)

    def initial_belief(self, num_users: int):
        ridge = self._of_users("ridge", 3)
        return Ridge.prior(num_users, self._num_features, ridge, self._dtype)

    def learn(self, belief: Any, feedback: Feedback):
        return belief.observe(feedback.features, feedback.liked, tf.ones_like(feedback.liked))

    def arm_scores(self, belief: Any, arms: tf.Tensor):
        width = tf.sqrt(squared_norms(arms, belief.inverse))
        return tf.linalg.matvec(arms, belief.mean()) + self._of_users("alpha", 2) * width


@gin.configurable(module="recsim_tf.agents")
class ConLinUCB(LinUCB):
    """ConLinUCB-MCR (Wang et al. 2023, arXiv 2303.00315): one ridge regression of the feedback to
    arms and to key-terms; it asks for the key-term of the largest confidence radius |k|_{V^-1}.
    Defaults are those of the authors' code (github.com/ZhiyongWangWzy/ConLinUCB).

    Args:
      simulator, ridge, alpha: see `LinUCB`.
      questions: b, see `KeyTermBandit`; None asks nothing.
    """

    ridge: Any = parameter(0.1, above=0)
    alpha: Any = parameter(0.1, low=0)
    questions: Questions | None = dataclasses.field(default=logarithmic_questions, kw_only=True)

    def key_term_scores(self, belief: Any, arms: tf.Tensor, key_terms: tf.Tensor):
        return squared_norms(key_terms, belief.inverse)


class ConUCBBelief(NamedTuple):
    """What is believed of B users."""

    arms: Ridge  # M^-1 and Y: (1 - lambda) I + lambda sum x x^T, lambda sum y x
    key_terms: Ridge  # M~^-1 and Y~


@gin.configurable(module="recsim_tf.agents")
class ConUCB(KeyTermBandit):
    """ConUCB (Zhang et al. 2020, arXiv 1906.01219): a ridge regression of the answers to key-terms,
    theta~, and one of the clicks on arms that shrinks towards it.

    With M = (1 - lambda) I + lambda sum x x^T, theta = M^-1 (lambda sum y x + (1 - lambda) theta~).
    An arm has the score x theta + lambda alpha |x|_{M^-1} + (1 - lambda) alpha~ |M^-1 x|_{M~^-1}
    (equation 7). It asks for the key-term k that takes most of the uncertainty of the arms X of the
    round, the largest |X M^-1 M~^-1 k|^2 / (1 + k M~^-1 k) (equation 8).
    Defaults are those of the authors' code (github.com/Xiaoyinggit/ConUCB).

    Args:
      simulator: key terms with slates of one item.
      arm_weight: lambda, in (0, 1): the weight of arms against key-terms.
      key_term_ridge: lambda~, of the regression of answers.
      alpha: factor of the confidence radius of arms.
      key_term_alpha: alpha~, of what key-terms leave uncertain.
      questions: b, see `KeyTermBandit`; None asks nothing.
    """

    arm_weight: Any = parameter(0.5, above=0, below=1)
    key_term_ridge: Any = parameter(1.0, above=0)
    alpha: Any = parameter(0.25, low=0)
    key_term_alpha: Any = parameter(0.25, low=0)
    questions: Questions | None = dataclasses.field(default=logarithmic_questions, kw_only=True)

    def initial_belief(self, num_users: int):
        ridges = (1 - self._of_users("arm_weight", 3), self._of_users("key_term_ridge", 3))
        return ConUCBBelief(
            *(Ridge.prior(num_users, self._num_features, ridge, self._dtype) for ridge in ridges)
        )

    def learn(self, belief: Any, feedback: Feedback):
        features, liked, asked = feedback
        return ConUCBBelief(
            arms=belief.arms.observe(
                features, liked, self._of_users("arm_weight", 1) * (1 - asked)
            ),
            key_terms=belief.key_terms.observe(features, liked, asked),
        )

    def arm_scores(self, belief: Any, arms: tf.Tensor):
        arm_weight = self._of_users("arm_weight", 2)
        prior = (1 - arm_weight) * belief.key_terms.mean()
        taste = tf.linalg.matvec(belief.arms.inverse, belief.arms.moment + prior)
        width = tf.sqrt(squared_norms(arms, belief.arms.inverse))
        passed_on = tf.matmul(arms, belief.arms.inverse)
        of_key_terms = tf.sqrt(squared_norms(passed_on, belief.key_terms.inverse))
        return (
            tf.linalg.matvec(arms, taste)
            + arm_weight * self._of_users("alpha", 2) * width
            + (1 - arm_weight) * self._of_users("key_term_alpha", 2) * of_key_terms
        )

    def key_term_scores(self, belief: Any, arms: tf.Tensor, key_terms: tf.Tensor):
        # |X k|^2 for each key-term is k (X^T X) k, with one matrix for all of them.
        passed_on = tf.matmul(tf.matmul(arms, belief.arms.inverse), belief.key_terms.inverse)
        total = tf.matmul(passed_on, passed_on, transpose_a=True)
        return squared_norms(key_terms, total) / (
            1 + squared_norms(key_terms, belief.key_terms.inverse)
        )


@gin.configurable(module="recsim_tf.agents")
def random_arms(simulator: Simulator) -> Policy:
    """A policy that shows a uniformly random arm and asks nothing, for key terms.

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
