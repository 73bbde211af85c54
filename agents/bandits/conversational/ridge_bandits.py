# SPDX-License-Identifier: Apache-2.0
"""Bandits with ridge regressions for each user: LinUCB, which asks no questions, ConLinUCB, which
learns from arms and key-terms in the same way, and ConUCB, where key-terms give arms their prior.
"""

import dataclasses
from typing import Any, NamedTuple

import tensorflow as tf

from recsim_tf.agents.bandits.conversational.bandit import (
    Feedback,
    KeyTermBandit,
    Questions,
    logarithmic_questions,
)
from recsim_tf.core.base.arguments import configurable
from recsim_tf.core.base.parameters import parameter


class Ridge(NamedTuple):
    """The sufficient statistics of B weighted ridge regressions, V = ridge I + sum w x x^T."""

    inverse: tf.Tensor  # [B, F, F], V^-1
    moment: tf.Tensor  # [B, F], sum w y x

    @classmethod
    def prior(
        cls, num_users: int, num_features: int, ridge: float | tf.Tensor, dtype: tf.DType
    ) -> "Ridge":
        """The statistics without an observation. `ridge` is [] or [num_users, 1, 1]."""
        identity = tf.eye(num_features, batch_shape=[num_users], dtype=dtype)
        return cls(identity / ridge, tf.zeros([num_users, num_features], dtype))

    def observe(self, features: tf.Tensor, target: tf.Tensor, weight: tf.Tensor) -> "Ridge":
        """The statistics with a further observation of each user, by the formula of Sherman and
        Morrison. It has features x [B, F], a target y [B] and a weight w [B], which is 0 for no
        observation.
        """
        weighted = weight[:, tf.newaxis] * features
        along = tf.linalg.matvec(self.inverse, features)
        shrunk = along / (1 + tf.reduce_sum(weighted * along, axis=-1, keepdims=True))
        change = (weight[:, tf.newaxis] * along)[:, :, tf.newaxis] * shrunk[:, tf.newaxis]
        return Ridge(self.inverse - change, self.moment + weighted * target[:, tf.newaxis])

    def mean(self) -> tf.Tensor:
        """The estimated coefficients V^-1 sum w y x, [B, F]."""
        return tf.linalg.matvec(self.inverse, self.moment)


def squared_norms(vectors: tf.Tensor, inverse: tf.Tensor) -> tf.Tensor:
    """The squared norms x^T V^-1 x of vectors [B, N, F] for V^-1 [B, F, F], [B, N]."""
    # Rounding could make a squared norm negative.
    return tf.nn.relu(tf.reduce_sum(tf.matmul(vectors, inverse) * vectors, axis=-1))


@configurable(module="recsim_tf.agents")
class LinUCB(KeyTermBandit):
    """LinUCB with a model for each user (Li et al. 2010, arXiv 1003.0146, with a single model for
    all arms). It has a ridge regression of all feedback, and the upper confidence bound x theta +
    alpha |x|_{V^-1}.

    Args:
      simulator: key terms with slates of one item.
      ridge: lambda, the prior precision of a taste; 1 as set by the authors of ConUCB.
      alpha: factor of the confidence radius; 0.5 as set by the authors of ConUCB.
    """

    ridge: Any = parameter(1.0, above=0)
    alpha: Any = parameter(0.5, low=0)

    def initial_belief(self, num_users: int):
        ridge = self.per_user("ridge", 3)
        return Ridge.prior(num_users, self._num_features, ridge, self.dtype)

    def learn(self, belief: Any, feedback: Feedback):
        return belief.observe(feedback.features, feedback.liked, tf.ones_like(feedback.liked))

    def arm_scores(self, belief: Any, arms: tf.Tensor):
        width = tf.sqrt(squared_norms(arms, belief.inverse))
        return tf.linalg.matvec(arms, belief.mean()) + self.per_user("alpha", 2) * width


@configurable(module="recsim_tf.agents")
class ConLinUCB(LinUCB):
    """ConLinUCB-MCR (Wang et al. 2023, arXiv 2303.00315) has a single ridge regression of the
    feedback to arms and to key-terms. It asks for the key-term with the largest confidence radius
    |k|_{V^-1}. Defaults are those of the authors' code (github.com/ZhiyongWangWzy/ConLinUCB).

    Args:
      simulator: key terms with slates of one item.
      ridge: lambda, the prior precision of a taste.
      alpha: factor of the confidence radius.
      questions: the function b, see `KeyTermBandit`; None for no questions.
    """

    ridge: Any = parameter(0.1, above=0)
    alpha: Any = parameter(0.1, low=0)
    questions: Questions | None = dataclasses.field(default=logarithmic_questions, kw_only=True)

    def key_term_scores(self, belief: Any, arms: tf.Tensor, key_terms: tf.Tensor):
        return squared_norms(key_terms, belief.inverse)


class ConUCBBelief(NamedTuple):
    """The beliefs about B users."""

    arms: Ridge  # M^-1 and Y: (1 - lambda) I + lambda sum x x^T, lambda sum y x
    key_terms: Ridge  # M~^-1 and Y~


@configurable(module="recsim_tf.agents")
class ConUCB(KeyTermBandit):
    """ConUCB (Zhang et al. 2020, arXiv 1906.01219) has a ridge regression of the answers to
    key-terms, theta~, and a ridge regression of the clicks on arms that shrinks towards it.

    With M = (1 - lambda) I + lambda sum x x^T, theta = M^-1 (lambda sum y x + (1 - lambda) theta~).
    An arm has the score x theta + lambda alpha |x|_{M^-1} + (1 - lambda) alpha~ |M^-1 x|_{M~^-1}
    (equation 7). ConUCB asks for the key-term k that reduces the uncertainty of the arms X of the
    round most, with the largest |X M^-1 M~^-1 k|^2 / (1 + k M~^-1 k) (equation 8).
    Defaults are those of the authors' code (github.com/Xiaoyinggit/ConUCB).

    Args:
      simulator: key terms with slates of one item.
      arm_weight: lambda, in (0, 1): the weight of arms against key-terms.
      key_term_ridge: lambda~, the prior precision of the regression of answers.
      alpha: factor of the confidence radius of arms.
      key_term_alpha: alpha~, the factor of the uncertainty that key-terms leave.
      questions: the function b, see `KeyTermBandit`; None for no questions.
    """

    arm_weight: Any = parameter(0.5, above=0, below=1)
    key_term_ridge: Any = parameter(1.0, above=0)
    alpha: Any = parameter(0.25, low=0)
    key_term_alpha: Any = parameter(0.25, low=0)
    questions: Questions | None = dataclasses.field(default=logarithmic_questions, kw_only=True)

    def initial_belief(self, num_users: int):
        ridges = (1 - self.per_user("arm_weight", 3), self.per_user("key_term_ridge", 3))
        return ConUCBBelief(
            *(Ridge.prior(num_users, self._num_features, ridge, self.dtype) for ridge in ridges)
        )

    def learn(self, belief: Any, feedback: Feedback):
        features, liked, asked = feedback
        return ConUCBBelief(
            arms=belief.arms.observe(features, liked, self.per_user("arm_weight", 1) * (1 - asked)),
            key_terms=belief.key_terms.observe(features, liked, asked),
        )

    def arm_scores(self, belief: Any, arms: tf.Tensor):
        arm_weight = self.per_user("arm_weight", 2)
        prior = (1 - arm_weight) * belief.key_terms.mean()
        taste = tf.linalg.matvec(belief.arms.inverse, belief.arms.moment + prior)
        width = tf.sqrt(squared_norms(arms, belief.arms.inverse))
        propagated = tf.matmul(arms, belief.arms.inverse)
        key_term_width = tf.sqrt(squared_norms(propagated, belief.key_terms.inverse))
        return (
            tf.linalg.matvec(arms, taste)
            + arm_weight * self.per_user("alpha", 2) * width
            + (1 - arm_weight) * self.per_user("key_term_alpha", 2) * key_term_width
        )

    def key_term_scores(self, belief: Any, arms: tf.Tensor, key_terms: tf.Tensor):
        # |X k|^2 of a key-term is k (X^T X) k, with the same matrix for all key-terms.
        propagated = tf.matmul(tf.matmul(arms, belief.arms.inverse), belief.key_terms.inverse)
        total = tf.matmul(propagated, propagated, transpose_a=True)
        return squared_norms(key_terms, total) / (
            1 + squared_norms(key_terms, belief.key_terms.inverse)
        )
