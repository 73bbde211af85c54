# SPDX-License-Identifier: Apache-2.0
"""Interest exploration: users have hidden, static affinities to topics, and the topic of higher
quality draws most clicks at first.

Semantics and constants come from RecSim 0.2.4. The model is described in Ie et al. 2019, "RecSim"
(arXiv 1909.04847).
"""

import dataclasses
from typing import Any, NamedTuple, Unpack

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import choice
from recsim_tf.core import nests
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import configurable
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Nest, Slate
from recsim_tf.core.models.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator, SimulatorOptions


class Document(NamedTuple):
    """Documents; leading axes [B, N] or [B, K]."""

    cluster_id: tf.Tensor  # int32 [...], the topic
    quality: tf.Tensor  # [...], positive


@configurable
class TopicDocuments(DocumentModel):
    """Documents of T topics with log-normal qualities, RecSim 0.2.4's `IETopicDocumentSampler` with
    its defaults.

    The topic is drawn from `topic_distribution`, and the quality from
    LogNormal(quality_loc[topic], quality_scale[topic]). These are the parameters of the underlying
    normal distribution, though RecSim calls them mean and standard deviation of the quality. By
    default the mean qualities are exp(0.805) = 2.24 and exp(0.205) = 1.23. Agents see both
    attributes.

    The parameters may be numbers, tensors or variables, also [B, T], and have gradients through the
    `documents` part of `log_prob`.

    Args:
      topic_distribution: [T], the probabilities of the topics.
      quality_loc: [T] or a number for all topics, the mean of the logarithm of the quality.
      quality_scale: [T] or a number, the standard deviation of the logarithm of the quality.

    Raises:
      ValueError: if the lengths disagree, or if the probabilities are numbers that do not sum to
        one.
    """

    topic_distribution: Any = parameter((0.2, 0.8), rank=1, are_probabilities=True)
    quality_loc: Any = parameter((0.8, 0.2), rank=1)
    quality_scale: Any = parameter((0.1, 0.1), rank=1, low=0)

    def check(self):
        topics = {"num_topics": self.num_topics}
        validation.check_table("topic_distribution", self.topic_distribution, **topics)
        validation.check_table("quality_loc", self.quality_loc, or_number=True, **topics)
        validation.check_table("quality_scale", self.quality_scale, or_number=True, **topics)

    @property
    def num_topics(self) -> int:
        """The number of topics, T."""
        return validation.table_length("topic_distribution", self.topic_distribution)

    def candidates(self, num_users: int, num_candidates: int, corpus: Nest, user: Nest):
        probs = self.per_user("topic_distribution", 3)
        topics = tfd.BatchBroadcast(tfd.Categorical(probs=probs), [num_users, num_candidates])

        def quality(cluster_id: tf.Tensor):
            loc, scale = (
                self.entries(name, cluster_id, [self.num_topics])
                for name in ("quality_loc", "quality_scale")
            )
            return tfd.Independent(tfd.LogNormal(loc, scale), 1)

        return tfd.JointDistributionNamed(
            Document(cluster_id=tfd.Independent(topics, 1), quality=quality)
        )

    def observe(self, documents: Document):
        return documents

    def observation_bounds(self):
        return Document(cluster_id=Bounds(0, self.num_topics - 1), quality=Bounds(0.0, None))


class InitialDraw(NamedTuple):
    """The draws that make users differ."""

    user_type: tf.Tensor  # int32 [B], in [0, G)
    affinity: tf.Tensor  # [B, T], positive


class UserState(NamedTuple):
    """The state of interest-exploration users."""

    affinity: tf.Tensor  # [B, T], positive, the affinity to each topic


class Response(NamedTuple):
    """The response to a slate, per position."""

    clicked: tf.Tensor  # [B, K], 1 at the clicked position
    quality: tf.Tensor  # [B, K], the qualities of all documents shown
    cluster_id: tf.Tensor  # int32 [B, K], the topics of all documents shown


@configurable
class InterestExplorationUsers(UserModel[UserState, Document, Response]):
    """Users of G types who choose by affinity[topic] + quality, do not change and do not leave.

    The type g is drawn from `user_type_distribution`, and the affinity to each topic t from
    LogNormal(affinity_loc[g, t], affinity_scale[g, t]). These are the parameters of the underlying
    normal distribution. RecSim uses them in the same way, but calls them mean and standard
    deviation of the affinity. Agents see only a user's responses.

    Gradients flow to the parameters of the affinities and types through the `initial` part of
    `log_prob`, and to the parameters of the choice model through its `response` part. The defaults
    are RecSim 0.2.4's `IEClusterUserSampler` and `IEUserModel`.

    Args:
      user_type_distribution: [G], the probabilities of the types.
      affinity_loc: [G, T], the mean of the logarithm of the affinity.
      affinity_scale: [G, T], the standard deviation of the logarithm of the affinity.
      choice_model: the model that chooses by the scores affinity[topic] + quality; by default a
        multinomial logit with a no_click_mass of 5, as in RecSim.
      dtype: tf.float32, or tf.float64 for gradient checks.

    Raises:
      ValueError: if the shapes disagree, or if the probabilities are numbers that do not sum to
        one.
    """

    user_type_distribution: Any = parameter((0.3, 0.7), rank=1, are_probabilities=True)
    affinity_loc: Any = parameter(((0.1, 0.7), (0.7, 0.1)), rank=2)
    affinity_scale: Any = parameter(((0.1, 0.1), (0.1, 0.1)), rank=2, low=0)
    choice_model: choice.ChoiceModel = dataclasses.field(
        default_factory=lambda: choice.MultinomialLogit(no_click_mass=5.0)
    )

    def check(self):
        types = {"num_user_types": self.num_user_types}
        validation.check_table("user_type_distribution", self.user_type_distribution, **types)
        types["num_topics"] = self.num_topics
        validation.check_table("affinity_loc", self.affinity_loc, **types)
        validation.check_table("affinity_scale", self.affinity_scale, **types)

    def check_documents(self, documents: DocumentModel, slate_size: int):
        if isinstance(documents, TopicDocuments):
            validation.check_same(self, documents, "num_topics")

    @property
    def num_user_types(self) -> int:
        """The number of user types, G."""
        return validation.table_length("user_type_distribution", self.user_type_distribution)

    @property
    def num_topics(self) -> int:
        """The number of topics, T."""
        return validation.table_length("affinity_loc", self.affinity_loc)

    def mean_affinity(self, log_scale: bool = True) -> tf.Tensor:
        """The prior mean of the affinity to each topic, [T].

        Args:
          log_scale: True is RecSim's `avg_affinity_given_topic`, the mean of `affinity_loc` over
            the types, (0.52, 0.28) by default. False is the mean of the affinities themselves,
            (1.75, 1.38).
        """
        means = self.per_user("affinity_loc", 3)
        if not log_scale:
            means = tf.exp(means + self.per_user("affinity_scale", 3) ** 2 / 2)
        probs = self.per_user("user_type_distribution", 2)
        return tf.reduce_sum(probs[..., tf.newaxis] * means, axis=-2)

    def initial_draws(self, num_users: int):
        probs = self.per_user("user_type_distribution", 2)
        user_type = tfd.BatchBroadcast(tfd.Categorical(probs=probs), [num_users])

        def affinity(user_type: tf.Tensor):
            is_type = tf.one_hot(user_type, self.num_user_types, dtype=self.dtype)[:, :, tf.newaxis]
            loc, scale = (
                tf.reduce_sum(is_type * self.per_user(name, 3), axis=1)
                for name in ("affinity_loc", "affinity_scale")
            )
            return tfd.Independent(tfd.LogNormal(loc, scale), 1)

        return tfd.JointDistributionNamed(InitialDraw(user_type=user_type, affinity=affinity))

    def initial_state(self, draws: InitialDraw):
        return UserState(affinity=draws.affinity)

    def scores(self, state: UserState, documents: Document) -> tf.Tensor:
        """The scores of documents for users, float [B, N]: affinity to the topic plus quality."""
        return nests.take(state.affinity, documents.cluster_id) + documents.quality

    def response(self, state: UserState, slate: Slate[Document]):
        return self.choice_model(self.scores(state, slate.documents), slate.mask)

    def outcome(self, state: UserState, slate: Slate[Document], draw: tf.Tensor):
        clicked = tf.one_hot(draw, slate.mask.shape[1], dtype=self.dtype)
        return Response(
            clicked=clicked, quality=slate.documents.quality, cluster_id=slate.documents.cluster_id
        )

    def observe(self, state: UserState):
        """An empty observation, [B, 0]."""
        return state.affinity[:, :0]

    def response_bounds(self):
        return Response(
            clicked=Bounds(0.0, 1.0),
            quality=Bounds(0.0, None),
            cluster_id=Bounds(0, self.num_topics - 1),
        )


@configurable
def interest_exploration(
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    dtype: tf.DType = tf.float32,
    **simulator: Unpack[SimulatorOptions],
) -> Simulator:
    """Interest exploration, "InterestExploration-v1": the user's tastes are hidden, and the topic
    of higher quality hides them further.

    Observation: `user` [B, 0] is empty. `documents` has the topic `cluster_id` int32 [B, N] in
    [0, T) and the `quality` [B, N] of each candidate. `response` to the last slate has `clicked`
    [B, K], `quality` [B, K] and `cluster_id` int32 [B, K]. Reward: the number of clicks, 0 or 1.
    Users do not leave, so the time limit truncates a session.

        simulator = recsim_tf.make("InterestExploration-v1", slate_size=2, num_candidates=15)
        state = simulator.reset(num_users=1000, seed=0)

    With the defaults, as in RecSim, it is nearly optimal to show documents of high quality. There
    is more to explore if the types differ more in `InterestExplorationUsers.affinity_loc`.

    Args:
      users, documents: the models, by default `InterestExplorationUsers()` and
        `TopicDocuments()` of the dtype.
      **simulator: further arguments of `Simulator`; by default sessions of at most 27,000 steps,
        which is the default of RecSim 0.2.4's runner.
    """
    users = users or InterestExplorationUsers(dtype=dtype)
    documents = documents or TopicDocuments(dtype=dtype)
    options: SimulatorOptions = {"max_steps": 27000, **simulator}
    return Simulator(users, documents, **options)
