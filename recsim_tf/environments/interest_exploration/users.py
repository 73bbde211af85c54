"""Users of interest exploration: hidden affinities to topics, which depend on a hidden type and do
not change.

Semantics and constants are those of RecSim 0.2.4; the model is described in Ie et al. 2019,
"RecSim" (arXiv 1909.04847).
"""

import dataclasses
from typing import Any, NamedTuple

import gin
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import choice
from recsim_tf.core import nests, validation
from recsim_tf.core.bounds import Bounds
from recsim_tf.core.models import UserModel
from recsim_tf.core.parameters import parameter
from recsim_tf.environments.interest_exploration.documents import TopicDocuments


class InitialDraw(NamedTuple):
    """Draws that make users differ."""

    user_type: tf.Tensor  # int32 [B], in [0, G)
    affinity: tf.Tensor  # [B, T], positive


class UserState(NamedTuple):
    """State of interest-exploration users."""

    affinity: tf.Tensor  # [B, T], positive, to each topic


class Response(NamedTuple):
    """Response to a slate, per position."""

    clicked: tf.Tensor  # [B, K], 1 at the clicked position
    quality: tf.Tensor  # [B, K], of every document shown
    cluster_id: tf.Tensor  # int32 [B, K], of every document shown


@gin.configurable
class InterestExplorationUsers(UserModel):
    """Users of G types who choose by affinity[topic] + quality, do not change and do not leave.

    The type g is drawn from `user_type_distribution`, the affinity to each topic t from
    LogNormal(affinity_loc[g, t], affinity_scale[g, t]). These are the parameters of the underlying
    normal; RecSim uses them in the same way, but calls them mean and standard deviation of the
    affinity. Agents see only a user's responses.

    Gradients flow to the parameters of the affinities and types through the `initial` part of
    `log_prob`, and to those of the choice model through its `response` part. Defaults are RecSim
    0.2.4's `IEClusterUserSampler` and `IEUserModel`.

    Args:
      user_type_distribution: [G], probabilities of the types.
      affinity_loc: [G, T], mean of the logarithm of the affinity.
      affinity_scale: [G, T], standard deviation of the logarithm of the affinity.
      choice_model: chooses by the scores affinity[topic] + quality; by default a multinomial logit
        with a no_click_mass of 5, as in RecSim.
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
        for name, table in (
            ("affinity_loc", self.affinity_loc),
            ("affinity_scale", self.affinity_scale),
        ):
            validation.check_table(name, table, **types, num_topics=self.num_topics)

    def check_documents(self, documents, slate_size):
        if isinstance(documents, TopicDocuments) and documents.num_topics != self.num_topics:
            raise ValueError(
                f"documents must have the num_topics={self.num_topics} of users, got"
                f" {documents.num_topics}"
            )

    @property
    def num_user_types(self) -> int:
        """G."""
        return validation.table_length("user_type_distribution", self.user_type_distribution)

    @property
    def num_topics(self) -> int:
        """T."""
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

    def initial_draws(self, num_users):
        probs = self.per_user("user_type_distribution", 2)
        user_type = tfd.BatchBroadcast(tfd.Categorical(probs=probs), [num_users])

        def affinity(user_type):
            is_type = tf.one_hot(user_type, self.num_user_types, dtype=self.dtype)[:, :, tf.newaxis]
            loc, scale = (
                tf.reduce_sum(is_type * self.per_user(name, 3), axis=1)
                for name in ("affinity_loc", "affinity_scale")
            )
            return tfd.Independent(tfd.LogNormal(loc, scale), 1)

        return tfd.JointDistributionNamed(InitialDraw(user_type=user_type, affinity=affinity))

    def initial_state(self, draws):
        return UserState(affinity=draws.affinity)

    def scores(self, state: UserState, documents) -> tf.Tensor:
        """How much users like documents [B, N], float [B, N]: affinity to the topic plus
        quality.
        """
        return nests.take(state.affinity, documents.cluster_id) + documents.quality

    def response(self, state, slate):
        return self.choice_model(self.scores(state, slate.documents), slate.mask)

    def outcome(self, state, slate, draw):
        del state
        clicked = tf.one_hot(draw, slate.mask.shape[1], dtype=self.dtype)
        return Response(
            clicked=clicked, quality=slate.documents.quality, cluster_id=slate.documents.cluster_id
        )

    def observe(self, state):
        """Nothing: [B, 0]."""
        return state.affinity[:, :0]

    def response_bounds(self):
        return Response(
            clicked=Bounds(0.0, 1.0),
            quality=Bounds(0.0, None),
            cluster_id=Bounds(0, self.num_topics - 1),
        )
