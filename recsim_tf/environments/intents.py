# SPDX-License-Identifier: Apache-2.0
"""Intents: users with a hidden intent, whose satisfaction falls where slates miss it. The
environment is not registered.
"""

import dataclasses
from typing import Any, NamedTuple, Unpack

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import choice
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import Count, configurable
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Clicks, Nest, Slate
from recsim_tf.core.distributions import gaussian_mixture
from recsim_tf.core.models.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator, SimulatorOptions


@configurable
class IntentDocuments(DocumentModel):
    """Documents with features N(0, feature_scale), as RecSim NG 0.1.2's `SimpleNormalRecommender`
    shows them. A document is a vector of features, [F].

    Args:
      num_features: F.
      feature_scale: the standard deviation of each feature.
    """

    num_features: Count = 3
    feature_scale: Any = parameter(0.5, above=0)

    def candidates(self, num_corpora: int, num_candidates: int, corpus: Nest, user: Nest):
        shape = [num_corpora, num_candidates, self.num_features]
        scale = self.per_user("feature_scale", 3)
        return tfd.Independent(tfd.Normal(tf.zeros(shape, self.dtype), scale), 2)

    def observe(self, documents: tf.Tensor):
        return documents


class IntentState(NamedTuple):
    """The state of users with an intent."""

    intent: tf.Tensor  # [B, F]
    satisfaction: tf.Tensor  # [B]
    best: tf.Tensor  # [B]: 2 plus the affinity to the best document of the last slate, 0 at first


@configurable
class IntentUsers(UserModel[IntentState, tf.Tensor, Clicks]):
    """Users with an intent, RecSim NG 0.1.2's `ModelLearningDemoUser`.

    The intent g is drawn from an equal mixture of normals around the F unit vectors, and does not
    change. The affinity to a document v is -|g - v|. A user chooses by the scores affinity + 2 +
    satisfaction, and "no click" has the score 0. With m the largest affinity of a slate plus 2, the
    satisfaction becomes N(sensitivity * satisfaction + m - (m of the previous slate), noise). So
    users whose slates get worse choose nothing. The satisfaction itself is drawn, so a log holds it
    as the innovation.

    Args:
      num_features: F.
      intent_variance: the variance of each feature around its unit vector.
      sensitivity: the part of the satisfaction that a step keeps.
      initial_satisfaction: the satisfaction before the first slate.
      noise: the standard deviation of the satisfaction, in RecSim NG 0.1 by text, 0.01 by code.
      choice_model: the model that chooses by the scores; by default a multinomial logit with a
        no_click_mass of 0.
    """

    num_features: Count = 3
    intent_variance: Any = parameter(0.1, above=0)
    sensitivity: Any = parameter(0.8)
    initial_satisfaction: Any = parameter(5.0)
    noise: Any = parameter(0.01, above=0)
    choice_model: choice.ChoiceModel = dataclasses.field(
        default_factory=lambda: choice.MultinomialLogit(no_click_mass=0.0)
    )

    def check_documents(self, documents: DocumentModel, slate_size: int):
        if isinstance(documents, IntentDocuments):
            validation.check_same(self, documents, "num_features")

    def initial_draws(self, num_users: int):
        centres = tf.eye(self.num_features, dtype=self.dtype)
        scale = tf.ones_like(centres) * tf.sqrt(self.per_user("intent_variance", 3))
        return gaussian_mixture(num_users, centres, scale, 0.0)

    def initial_state(self, draws: tf.Tensor):
        satisfaction = tf.broadcast_to(self.per_user("initial_satisfaction"), draws.shape[:1])
        return IntentState(draws, satisfaction, tf.zeros_like(satisfaction))

    def response(self, state: IntentState, slate: Slate[tf.Tensor]):
        affinity = choice.affinity.negative_euclidean(state.intent, slate.documents)
        scores = affinity + 2 + state.satisfaction[:, tf.newaxis]
        return self.choice_model(scores, slate.mask)

    def innovation(self, state: IntentState, slate: Slate[tf.Tensor], response: Clicks):
        kept = self.per_user("sensitivity") * state.satisfaction
        return tfd.Normal(kept + _best(state, slate) - state.best, self.per_user("noise"))

    def update(
        self, state: IntentState, slate: Slate[tf.Tensor], response: Clicks, innovation: tf.Tensor
    ):
        return IntentState(state.intent, innovation, _best(state, slate))

    def observe(self, state: IntentState):
        """An empty observation, [B, 0]."""
        return state.intent[:, :0]


def _best(state: IntentState, slate: Slate):
    """The largest affinity of a slate plus 2, [B], or 0 for an empty slate."""
    affinity = choice.affinity.negative_euclidean(state.intent, slate.documents) + 2
    lowest = tf.constant(affinity.dtype.min, affinity.dtype)
    best = tf.reduce_max(tf.where(slate.mask, affinity, lowest), axis=1)
    return tf.where(tf.reduce_any(slate.mask, axis=1), best, tf.zeros_like(best))


def intents(
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    dtype: tf.DType = tf.float32,
    **simulator: Unpack[SimulatorOptions],
) -> Simulator:
    """Intents: users have a hidden intent. It is RecSim NG 0.1.2's demonstration of learning with
    latent variables.

    Observation: `user` [B, 0] is empty. `documents` is [B, N, F]. `response` has `clicked` [B, K].
    Reward: the number of choices, 0 or 1.

    Args:
      users, documents: the models, by default `IntentUsers()` and `IntentDocuments()` of the dtype.
      **simulator: further arguments of `Simulator`; by default slates of all 4 documents.
    """
    users = users or IntentUsers(dtype=dtype)
    documents = documents or IntentDocuments(dtype=dtype)
    options: SimulatorOptions = {"slate_size": 4, "num_candidates": 4, **simulator}
    return Simulator(users, documents, **options)
