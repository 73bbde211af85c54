# SPDX-License-Identifier: Apache-2.0
"""An agent's beliefs about clicks: a weight for each candidate and a weight for "no click".

A slate's click probabilities are proportional to these weights, P(i | A) = v_i / (sum_{j in A} v_j
+ v_0). The choice is multinomial, so a weight must not depend on the other documents of the slate.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf import choice
from recsim_tf.core import nests
from recsim_tf.core.base.arguments import kind_of
from recsim_tf.core.base.traces import joint_key
from recsim_tf.core.base.types import Nest, Observation
from recsim_tf.policies.fields import raw_user

# Observation of B users -> (weights [B, N], no_click_weight [B]), all non-negative.
ChoiceScores = Callable[[Observation], tuple[tf.Tensor, tf.Tensor]]


class AffinityScores:
    """A multinomial choice model of the affinity <user, document>, both observed as vectors of the
    same length.

    The default is the choice model of interest evolution, on which RecSim's SlateQ agent is built.
    Fields that layers add to the user's observation are not used.

    Args:
      choice_model: a multinomial choice model, such as `MultinomialProportional` or
        `MultinomialLogit`; by default the choice model of interest evolution.
      kinds: float [D, F], the vectors of the kinds of documents, where documents are observed as
        kinds int32 [B, N] in place of vectors; else None.
    """

    def __init__(
        self, choice_model: choice.ChoiceModel | None = None, kinds: np.ndarray | None = None
    ):
        self._choice_model = _multinomial(choice_model or choice.MultinomialProportional())
        self._kinds = kinds

    @staticmethod
    def suits(observation: Observation) -> bool:
        """True if users and documents are observed as vectors of the same length."""
        user, documents = raw_user(observation.user), observation.documents
        return (
            tf.is_tensor(user)
            and tf.is_tensor(documents)
            and user.dtype.is_floating
            and user.dtype == documents.dtype
            and documents.shape.rank == 3
            and user.shape[1:] == documents.shape[2:]
        )

    def __call__(self, observation: Observation) -> tuple[tf.Tensor, tf.Tensor]:
        user, documents = raw_user(observation.user), observation.documents
        if self._kinds is not None:
            of_kinds = tf.matmul(user, self._kinds, transpose_b=True)
            return self._weights(nests.take(of_kinds, documents))
        if not self.suits(observation):
            kinds = [
                f"{part.dtype.name} {[*part.shape[1:]]}" if tf.is_tensor(part) else kind_of(part)
                for part in (user, documents)
            ]
            raise ValueError(
                "the affinity <user, document> needs vectors of one length, got user and documents"
                f" of {' and '.join(kinds)}: give choice_scores for other environments"
            )
        return self._weights(tf.linalg.matvec(documents, user))

    def _weights(self, affinity: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        weights = self._choice_model.weights(affinity)
        return weights[:, :-1], weights[:, -1]

    def trace_key(self) -> tuple | None:
        """The keys of the choice model and of the kinds."""
        key = joint_key(self._choice_model)
        return key if key is None or self._kinds is None else (*key, self._kinds.tobytes())


class LearnedScores:
    """The choice weights of a network that learns from clicks. They carry no gradient.

    Args:
      network: a network that gives (logits [B, N], no_click_logit [B]), as `slate_q.ClickNetwork`.
    """

    def __init__(self, network: Callable):
        self.network = network

    def __call__(self, observation: Observation) -> tuple[tf.Tensor, tf.Tensor]:
        return self.weights(*self.network(observation)[0])

    def trace_key(self) -> tuple | None:
        """The key of the network."""
        return joint_key(self.network)

    @staticmethod
    def weights(logits: tf.Tensor, no_click: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The weights of the candidates [B, N] and of "no click" [B], from the network's logits."""
        weights = tf.stop_gradient(
            tf.nn.softmax(tf.concat([logits, no_click[:, tf.newaxis]], axis=-1))
        )
        return weights[:, :-1], weights[:, -1]


class BeliefScores:
    """A multinomial choice model of the scores of documents for users in a believed state.

    Args:
      users: a user model with a method `scores(state, documents)`, which gives scores [B, N] of
        observed documents, a nest of [B, N, ...], for a user state, a nest of [B, ...].
      belief: a function from the observation to a user state, a nest of [B, ...].
      choice_model: a multinomial choice model, such as `MultinomialLogit` or
        `MultinomialProportional`.

    Raises:
      ValueError: if the users have no `scores`, or if the weights of the choice model depend on the
        slate.
    """

    def __init__(
        self, users: Any, belief: Callable[[Observation], Nest], choice_model: choice.ChoiceModel
    ):
        if not hasattr(users, "scores"):
            raise ValueError(
                f"users must have a method scores(state, documents), got {type(users).__name__}"
            )
        self._scores = users.scores
        self._belief = belief
        self._choice_model = _multinomial(choice_model)

    def __call__(self, observation: Observation) -> tuple[tf.Tensor, tf.Tensor]:
        scores = self._scores(self._belief(observation), observation.documents)
        weights = self._choice_model.weights(scores)
        return weights[:, :-1], weights[:, -1]


def _multinomial(choice_model: choice.ChoiceModel) -> choice.ChoiceModel:
    """Requires a choice model of the same weight for a document on every slate; returns it."""
    if not isinstance(choice_model, choice.ChoiceModel) or not choice_model.is_multinomial:
        raise ValueError(
            "choice_model must be multinomial, as MultinomialProportional() or MultinomialLogit(),"
            f" got {choice_model!r}"
        )
    return choice_model
