"""Readers of the news: they like some topics, good articles and fresh ones."""

import dataclasses
from typing import Any, NamedTuple

import gin
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import choice
from recsim_tf.core import nests
from recsim_tf.core.bounds import Bounds
from recsim_tf.core.models import UserModel
from recsim_tf.core.parameters import parameter
from recsim_tf.environments.news.documents import Newsroom


class Response(NamedTuple):
    """Response to a slate."""

    clicked: tf.Tensor  # [B, K], 1 at the chosen position
    cluster_id: tf.Tensor  # int32 [B, K]: the topics shown


@gin.configurable
class Readers(UserModel):
    """Users who choose an article by taste[topic] + quality + freshness * 2^(-age / half_life).

    The taste for each topic is drawn from N(0, taste_scale) and stays. Agents do not see it. Nobody
    leaves.

    Args:
      num_topics: T, as of the documents.
      taste_scale: see above.
      freshness: what a new article gains.
      half_life: steps in which half of that gain is lost.
      choice_model: chooses by the scores; by default a multinomial logit with a no_click_mass of
        3.
      dtype: tf.float32 or tf.float64.
    """

    num_topics: int = 8
    taste_scale: Any = parameter(0.5, above=0)
    freshness: Any = parameter(1.0)
    half_life: Any = parameter(24.0, above=0)
    choice_model: choice.ChoiceModel = dataclasses.field(
        default_factory=lambda: choice.MultinomialLogit(no_click_mass=3.0)
    )

    def check_documents(self, documents, slate_size):
        if isinstance(documents, Newsroom) and documents.num_topics != self.num_topics:
            raise ValueError(
                f"documents must have the num_topics={self.num_topics} of users, got"
                f" {documents.num_topics}"
            )

    def initial_draws(self, num_users):
        scale = tf.broadcast_to(self.per_user("taste_scale", 2), [num_users, self.num_topics])
        return tfd.Independent(tfd.Normal(tf.zeros_like(scale), scale), 1)

    def response(self, state, slate):
        article = slate.documents
        fresh = 2.0 ** (-article.age / self.per_user("half_life", 2))
        scores = nests.take(state, article.cluster_id) + article.quality
        return self.choice_model(scores + self.per_user("freshness", 2) * fresh, slate.mask)

    def outcome(self, state, slate, draw):
        clicked = tf.one_hot(draw, slate.mask.shape[1], dtype=self.dtype)
        return Response(clicked, slate.documents.cluster_id)

    def observe(self, state):
        """Nothing: [B, 0]."""
        return state[:, :0]

    def response_bounds(self):
        return Response(Bounds(0.0, 1.0), Bounds(0, self.num_topics - 1))
