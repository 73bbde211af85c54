# SPDX-License-Identifier: Apache-2.0
"""The news, in which articles appear and age, and the clicks of all users show their quality."""

import dataclasses
from typing import Any, NamedTuple, Unpack

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import choice
from recsim_tf.core import nests
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import Count, configurable
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Nest, Slate
from recsim_tf.core.distributions import candidate_ids
from recsim_tf.core.models.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator, SimulatorOptions


class InitialDraw(NamedTuple):
    """Draws of the articles at the start."""

    topic: tf.Tensor  # int32 [W, A], in [0, T)
    quality: tf.Tensor  # [W, A]
    age: tf.Tensor  # [W, A], in steps


class Arrival(NamedTuple):
    """Draws of the articles that appear in a step."""

    appears: tf.Tensor  # int32 [W, A]: 1 where a new article takes the place
    topic: tf.Tensor  # int32 [W, A], 0 where no article appears
    quality: tf.Tensor  # [W, A], 0 where no article appears


class FrontPage(NamedTuple):
    """The state of the A places for articles of a world."""

    topic: tf.Tensor  # int32 [W, A]
    quality: tf.Tensor  # [W, A]
    published: tf.Tensor  # [W, A], the time of publication on the clock
    clicks: tf.Tensor  # [W, A], the discounted clicks of all users
    impressions: tf.Tensor  # [W, A], discounted
    clock: tf.Tensor  # [W], steps since the start


class Article(NamedTuple):
    """Articles as users meet them; leading axes [W, N] or [B, K]."""

    place: tf.Tensor  # int32 [...], in [0, A)
    cluster_id: tf.Tensor  # int32 [...], in [0, T): the topic
    age: tf.Tensor  # [...], in steps
    clicks: tf.Tensor  # [...]
    impressions: tf.Tensor  # [...]
    quality: tf.Tensor  # [...], hidden from agents


class ArticleView(NamedTuple):
    """The observed fields of articles, [B, N]."""

    cluster_id: tf.Tensor  # int32 [...]
    age: tf.Tensor  # [...]
    clicks: tf.Tensor  # [...]
    impressions: tf.Tensor  # [...]


class Response(NamedTuple):
    """The response to a slate."""

    clicked: tf.Tensor  # [B, K], 1 at the chosen position
    cluster_id: tf.Tensor  # int32 [B, K]: the topics shown


@configurable
class Newsroom(DocumentModel):
    """Articles that appear in a world's A places, age, and gather the clicks of all its users.

    In each step a new article takes a place with probability `arrival_rate` * (1 + rhythm *
    sin(2 pi clock / day_length)), so more articles appear in the first half of a day. A new article
    has a topic, a hidden quality, and no clicks. Clicks and impressions are counted over all users
    of the world, and each step keeps the part `discount` of them.

    Args:
      num_articles: A.
      topic_probs: [T], the probability of each topic; by default eight equally likely topics.
      quality_loc: the mean of the quality.
      quality_scale: the standard deviation of the quality.
      arrival_rate: the mean probability that a place gets a new article in a step, in [0, 1/2].
      rhythm: the relative amplitude of arrivals over a day, in [0, 1].
      day_length: the number of steps of a day.
      discount: the part of clicks and impressions that a step keeps, in [0, 1].
    """

    num_articles: Count = 60
    topic_probs: Any = parameter((0.125,) * 8, rank=1, are_probabilities=True)
    quality_loc: Any = parameter(0.0)
    quality_scale: Any = parameter(1.0, above=0)
    arrival_rate: Any = parameter(0.02, above=0, high=0.5)
    rhythm: Any = parameter(0.8, low=0, high=1)
    day_length: Any = parameter(24.0, above=0)
    discount: Any = parameter(0.98, low=0, high=1)

    shared = True

    @property
    def num_topics(self) -> int:
        """The number of topics, T."""
        return validation.table_length("topic_probs", self.topic_probs)

    def initial_draws(self, num_corpora: int):
        age = tfd.Exponential(self._each("arrival_rate", num_corpora))
        return tfd.JointDistributionNamed(
            InitialDraw(**self._new_articles(num_corpora), age=tfd.Independent(age, 1))
        )

    def initial_state(self, draws: InitialDraw, num_corpora: int):
        none = tf.zeros_like(draws.quality)
        return FrontPage(draws.topic, draws.quality, -draws.age, none, none, none[:, 0])

    def candidates(self, num_corpora: int, num_candidates: int, corpus: FrontPage, user: Nest):
        """The distribution of places, in random order."""
        return candidate_ids(
            self.num_articles, num_corpora, num_candidates, replacement=False, dtype=self.dtype
        )

    def describe(self, draw: tf.Tensor, corpus: FrontPage):
        age = corpus.clock[:, tf.newaxis] - corpus.published
        by_place = (corpus.topic, age, corpus.clicks, corpus.impressions, corpus.quality)
        return Article(draw, *nests.take(by_place, draw))

    def innovation(self, corpus: FrontPage, slate: Slate, response: Response):
        num_corpora = nests.batch_size(corpus)
        phase = 2 * np.pi * corpus.clock / self.per_user("day_length")
        rate = self.per_user("arrival_rate") * (1 + self.per_user("rhythm") * tf.sin(phase))
        rate = tf.broadcast_to(rate[:, tf.newaxis], [num_corpora, self.num_articles])
        new = self._new_articles(num_corpora)

        def of_arrivals(name: str):
            def masked(appears: tf.Tensor):
                inner = new[name].distribution
                nothing = lambda d: tf.zeros(d.batch_shape, d.dtype)  # noqa: E731
                there = tfd.Masked(inner, appears == 1, safe_sample_fn=nothing)
                return tfd.Independent(there, 1)

            return masked

        return tfd.JointDistributionNamed(
            Arrival(
                appears=tfd.Independent(tfd.Bernoulli(probs=rate), 1),
                topic=of_arrivals("topic"),
                quality=of_arrivals("quality"),
            )
        )

    def update(self, corpus: FrontPage, slate: Slate, response: Response, innovation: Arrival):
        places = tf.one_hot(slate.documents.place, self.num_articles, dtype=self.dtype)
        shown, clicked = (
            tf.reduce_sum(places * tf.cast(each, self.dtype)[..., tf.newaxis], axis=[1, 2])
            for each in (slate.mask, response.clicked)
        )
        kept, clock = self.per_user("discount", 2), corpus.clock + 1
        aged = corpus._replace(
            clicks=kept * corpus.clicks + clicked,
            impressions=kept * corpus.impressions + shown,
            clock=clock,
        )
        published = tf.broadcast_to(clock[:, tf.newaxis], corpus.published.shape)
        none = tf.zeros_like(corpus.clicks)
        new = FrontPage(innovation.topic, innovation.quality, published, none, none, clock)
        appears = innovation.appears == 1
        fields = {
            name: tf.where(appears, getattr(new, name), getattr(aged, name))
            for name in ("topic", "quality", "published", "clicks", "impressions")
        }
        return aged._replace(**fields)

    def observe(self, documents: Article):
        return ArticleView(
            documents.cluster_id, documents.age, documents.clicks, documents.impressions
        )

    def observation_bounds(self):
        counts = Bounds(0.0, None)
        return ArticleView(Bounds(0, self.num_topics - 1), counts, counts, counts)

    def _each(self, name: str, num_corpora: int) -> tf.Tensor:
        """A parameter for each place, [W, A]."""
        return tf.broadcast_to(self.per_user(name, 2), [num_corpora, self.num_articles])

    def _new_articles(self, num_corpora: int) -> dict[str, tfd.Distribution]:
        """The distributions of the topic and the quality of new articles, [W, A]."""
        shape = [num_corpora, self.num_articles, self.num_topics]
        topic = tfd.Categorical(probs=tf.broadcast_to(self.per_user("topic_probs", 3), shape))
        loc, scale = (self._each(f"quality_{name}", num_corpora) for name in ("loc", "scale"))
        return {
            "topic": tfd.Independent(topic, 1),
            "quality": tfd.Independent(tfd.Normal(loc, scale), 1),
        }


@configurable
class Readers(UserModel[tf.Tensor, Article, Response]):
    """Users who choose an article by taste[topic] + quality + freshness * 2^(-age / half_life).

    The taste for each topic is drawn from N(0, taste_scale), does not change and is hidden from
    agents. Users do not leave.

    Args:
      num_topics: T, the same as in the documents.
      taste_scale: the standard deviation of tastes.
      freshness: the bonus in the score of a new article.
      half_life: the number of steps in which half of the bonus is lost.
      choice_model: the model that chooses by the scores; by default a multinomial logit with a
        no_click_mass of 3.
    """

    num_topics: int = 8
    taste_scale: Any = parameter(0.5, above=0)
    freshness: Any = parameter(1.0)
    half_life: Any = parameter(24.0, above=0)
    choice_model: choice.ChoiceModel = dataclasses.field(
        default_factory=lambda: choice.MultinomialLogit(no_click_mass=3.0)
    )

    def check_documents(self, documents: DocumentModel, slate_size: int):
        if isinstance(documents, Newsroom):
            validation.check_same(self, documents, "num_topics")

    def initial_draws(self, num_users: int):
        scale = tf.broadcast_to(self.per_user("taste_scale", 2), [num_users, self.num_topics])
        return tfd.Independent(tfd.Normal(tf.zeros_like(scale), scale), 1)

    def response(self, state: tf.Tensor, slate: Slate[Article]):
        article = slate.documents
        fresh = 2.0 ** (-article.age / self.per_user("half_life", 2))
        scores = nests.take(state, article.cluster_id) + article.quality
        return self.choice_model(scores + self.per_user("freshness", 2) * fresh, slate.mask)

    def outcome(self, state: tf.Tensor, slate: Slate[Article], draw: tf.Tensor):
        clicked = tf.one_hot(draw, slate.mask.shape[1], dtype=self.dtype)
        return Response(clicked, slate.documents.cluster_id)

    def observe(self, state: tf.Tensor):
        """An empty observation, [B, 0]."""
        return state[:, :0]

    def response_bounds(self):
        return Response(Bounds(0.0, 1.0), Bounds(0, self.num_topics - 1))


@configurable
def news(
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    dtype: tf.DType = tf.float32,
    **simulator: Unpack[SimulatorOptions],
) -> Simulator:
    """The news, "News-v0": articles appear and age in a world of users, whose clicks show agents
    the good articles.

    Observation: `user` [B, 0] is empty. `documents` has the `cluster_id` int32 [B, N] (the topic),
    `age` [B, N], and the `clicks` and `impressions` [B, N] of all users of the world. `response` to
    the last slate has `clicked` [B, K] and `cluster_id` int32 [B, K]. Reward: the number of clicks,
    0 or 1. Users do not leave, so the time limit truncates a session. A candidate is a place for
    articles, so position n may hold another article in the next step.

        simulator = recsim_tf.make("News-v0")
        state = simulator.reset(num_users=400, seed=0)  # two worlds

    Args:
      users, documents: the models, by default `Readers()` and `Newsroom()` of the dtype.
      **simulator: further arguments of `Simulator`; by default worlds of 200 users, slates of 3 of
        all articles, and ten days of 24 steps.
    """
    users, documents = users or Readers(dtype=dtype), documents or Newsroom(dtype=dtype)
    options: SimulatorOptions = {"slate_size": 3, "max_steps": 240, "resample_documents": False}
    if isinstance(documents, Newsroom):
        options |= {"num_candidates": documents.num_articles, "users_per_world": 200}
    options |= simulator
    return Simulator(users, documents, **options)
