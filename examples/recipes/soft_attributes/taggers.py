"""Synthetic films around topics, and users who rate some films and tag some of those."""

import functools
from typing import Any, NamedTuple, Unpack

import numpy as np
import tensorflow as tf
from recsim_tf import choice
from recsim_tf.choice import affinity
from recsim_tf.conversations.documents import in_sense
from recsim_tf.core import random
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import Count, checked
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.ranges import known_numbers
from recsim_tf.core.base.types import Slate
from recsim_tf.core.distributions import UniformCategories, clipped_zipf, gaussian_mixture
from recsim_tf.core.models.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator, SimulatorOptions
from tensorflow_probability import distributions as tfd

from recipes.soft_attributes.raters import Films

NUM_STARS = 5
# A logistic distribution of scale 1 has this standard deviation.
_LOGISTIC_STDDEV = np.pi / np.sqrt(3)


class Catalogue(NamedTuple):
    """Features of D films that belong to T topics."""

    topics: np.ndarray  # float32 [T, F], the mean factors of each topic, in [0, 1]
    factors: np.ndarray  # float32 [D, F], in [0, 1]
    popularity: np.ndarray  # float32 [D], in [0, 1]


@checked
def catalogue(
    seed: int, num_films: Count = 1000, num_factors: Count = 45, num_topics: Count = 10
) -> Catalogue:
    """Films as in RecSim NG 0.1.2's `SoftAttributeCorpus`. The factors of a film are normal with
    standard deviation 0.5 around a topic's, clipped to [0, 1]. Topics and popularities are uniform.

    Args:
      seed: an integer.
      num_films: number of films D.
      num_factors: number of factors F.
      num_topics: number of topics T, equally likely.
    """
    random.as_seed(seed)
    generator = np.random.default_rng(seed)
    topics = generator.uniform(size=(num_topics, num_factors))
    means = topics[generator.integers(num_topics, size=num_films)]
    noise = generator.standard_normal(means.shape)
    factors = np.clip(means + 0.5 * noise, 0, 1)
    popularity = generator.uniform(size=num_films)
    return Catalogue(*(table.astype(np.float32) for table in (topics, factors, popularity)))


class TaggerDraws(NamedTuple):
    """Initial draws of users who rate and tag."""

    taste: Any  # [B, F]
    peaks: Any  # [B, F], the degree of each factor that users like best
    senses: Any  # int32 [B, A], in [0, S), the user's sense of each attribute
    num_ratings: Any  # int32 [B], in [1, R]
    is_tagger: Any  # int32 [B]
    tagging: Any  # [B], the probability that a tagger tags a film


class RatingDraws(NamedTuple):
    """Draws of ratings and tags, including those that the user does not give."""

    rated: Any  # int32 [B, R], positions
    score: Any  # [B, R]
    is_tagged: Any  # int32 [B, R]
    tags: Any  # int32 [B, R, A]


class RatingsAndTags(NamedTuple):
    """The films that users rate, in the order of the ratings, with their stars and tags."""

    clicked: tf.Tensor  # [B, K], 1 for films that are rated
    film: tf.Tensor  # int32 [B, R], -1 beyond the user's number of ratings
    stars: tf.Tensor  # int32 [B, R], 1 to 5, 0 without a film
    is_tagged: tf.Tensor  # bool [B, R], whether the user tags the film
    tags: tf.Tensor  # [B, R, A], 1 for an attribute that a tagged film has for the user


class TaggingUsers(UserModel):
    """Users who rate some of the films shown and tag some of those, as RecSim NG 0.1.2's
    `ConceptActivationVectorUser`: synthetic data with known soft attributes (Göpfert et al. 2022,
    arXiv 2202.02830).

    The affinity of a film to the taste is the inner product of their factors, or, with peaks below
    1, `choice.affinity.single_peaked`. R films are ranked by a `PlackettLuce` distribution with the
    logits choice_sharpness * affinity + popularity. The user rates the first of them, whose number
    follows Zipf's law. The score of a film is its affinity with noise. Stars divide the range of a
    user's R scores evenly.

    Few users tag. A user who does tags each rated film with the same probability. A tagged film has
    the attributes whose degrees are above a threshold with noise. `ConversationUsers` and `Items`
    accept these `directions` and `factors`.

    Args:
      num_films: number of films D.
      num_factors: number of factors F.
      num_attributes: number of attributes A.
      num_senses: number of senses S, equally likely for each attribute.
      factors: [D, F]; None for those of `catalogue(seed)`.
      popularity: [D], or a number; None for that of `catalogue(seed)`.
      directions: [A, S, F]; with None attribute a in sense s is factor a S + s.
      topics: means of tastes, [T, F]; None for those of `catalogue(seed)`.
      topic_logits: logits of topics, [T], or a number for equally likely topics.
      taste_scale: standard deviation of each factor of a taste around that of its topic.
      are_tastes_clipped: whether tastes are clipped to [0, 1].
      own_senses_only: whether the components of a taste in senses that the user does not have are
        removed, for orthogonal directions.
      lowest_peak: peaks are uniform from this number to 1; at 1 there are no peaks.
      max_ratings: largest number of ratings R.
      activity: the power of Zipf's law.
      no_tagging: the probability that a user tags no film.
      tagging_low, tagging_high: bounds of the uniform distribution of the probability of a tag.
      threshold: [A, S], or a number for all attributes.
      threshold_scale: standard deviation of the noise of thresholds, which is logistic.
      choice_sharpness: factor of affinities.
      score_scale: standard deviation of the noise of scores.
      seed: the seed of the catalogue, an integer.
    """

    num_films: Count = 1000
    num_factors: Count = 45
    num_attributes: Count = 20
    num_senses: Count = 2
    factors: Any = parameter(rank=2, drawn=lambda users: users._catalogue.factors)
    popularity: Any = parameter(rank=1, drawn=lambda users: users._catalogue.popularity)
    directions: Any = parameter(rank=3, drawn=lambda users: users._axes())
    topics: Any = parameter(rank=2, drawn=lambda users: users._catalogue.topics)
    topic_logits: Any = parameter(0.0, rank=1, low=-float("inf"))
    taste_scale: Any = parameter(0.5, above=0)
    are_tastes_clipped: bool = True
    own_senses_only: bool = True
    lowest_peak: Any = parameter(1.0, low=0, high=1)
    max_ratings: Count = 50
    activity: Any = parameter(1.35, above=1)
    no_tagging: Any = parameter(0.8, low=0, high=1)
    tagging_low: Any = parameter(0.1, low=0, high=1)
    tagging_high: Any = parameter(0.5, low=0, high=1)
    threshold: Any = parameter(0.5, rank=2)
    threshold_scale: Any = parameter(0.01, above=0)
    choice_sharpness: Any = parameter(1.0)
    score_scale: Any = parameter(0.02, above=0)
    seed: int = 0

    def check(self):
        films, factors = {"num_films": self.num_films}, {"num_factors": self.num_factors}
        attributes = {"num_attributes": self.num_attributes}
        senses = {"num_senses": self.num_senses}
        random.as_seed(self.seed)
        validation.check_table("directions", self.directions, **attributes, **senses, **factors)
        validation.check_table("factors", self.factors, **films, **factors)
        validation.check_table("popularity", self.popularity, or_number=True, **films)
        validation.check_table("threshold", self.threshold, or_number=True, **attributes, **senses)
        low, high = (
            known_numbers(name, getattr(self, name)) for name in ("tagging_low", "tagging_high")
        )
        if low is not None and high is not None and (low >= high).any():
            raise ValueError(f"tagging_high must be above tagging_low={low}, got {high}")
        topics = {"num_topics": validation.table_shape("topics", self.topics)[-2]}
        validation.check_table("topics", self.topics, **topics, **factors)
        validation.check_table("topic_logits", self.topic_logits, or_number=True, **topics)

    def check_documents(self, documents: DocumentModel, slate_size: int):
        if slate_size < self.max_ratings:
            raise ValueError(
                f"slate_size must be at least max_ratings={self.max_ratings}, got {slate_size}"
            )

    def initial_draws(self, num_users: int):
        ones = tf.ones([num_users, self.num_factors], self.dtype)
        return tfd.JointDistributionNamed(
            TaggerDraws(
                taste=self._tastes(num_users),
                peaks=tfd.Independent(
                    tfd.Uniform(self.per_user("lowest_peak", 2) * ones, ones)
                    if self.has_peaks
                    else tfd.Deterministic(ones),
                    1,
                ),
                senses=tfd.Independent(
                    UniformCategories(
                        self.num_senses, [num_users, self.num_attributes], self.dtype
                    ),
                    1,
                ),
                num_ratings=clipped_zipf(
                    tf.broadcast_to(self.per_user("activity"), [num_users]), self.max_ratings
                ),
                is_tagger=tfd.Bernoulli(
                    probs=tf.broadcast_to(1 - self.per_user("no_tagging"), [num_users])
                ),
                tagging=tfd.Uniform(
                    tf.broadcast_to(self.per_user("tagging_low"), [num_users]),
                    self.per_user("tagging_high"),
                ),
            )
        )

    def initial_state(self, draws: TaggerDraws):
        taste = draws.taste
        if self.own_senses_only:
            directions = self._table("directions")
            overlap = tf.linalg.matvec(directions, self._directions_of(draws.senses))
            degrees = (1 - overlap) * tf.linalg.matvec(directions, taste[:, tf.newaxis])
            components = tf.linalg.matvec(directions, degrees, transpose_a=True)
            taste -= tf.reduce_sum(components, axis=1)
        if self.are_tastes_clipped:
            taste = tf.clip_by_value(taste, 0, 1)
        return draws._replace(taste=taste)

    @property
    def has_peaks(self) -> bool:
        """True if peaks may be below 1."""
        lowest = known_numbers("lowest_peak", self.lowest_peak)
        return lowest is None or bool((lowest < 1).any())

    def affinity(self, state: TaggerDraws) -> tf.Tensor:
        """The affinities of users to all films, [B, D]."""
        films = self._table("factors")
        films = films if films.shape.rank == 3 else films[tf.newaxis]
        if self.has_peaks:
            return affinity.single_peaked(state.taste, films, state.peaks)
        return affinity.dot(state.taste, films)

    def response(self, state: TaggerDraws, slate: Slate):
        liked = tf.gather(self.affinity(state), slate.documents, batch_dims=1)
        popularity = self.entries("popularity", slate.documents, [self.num_films])
        ranking = choice.PlackettLuce(self.max_ratings)
        shape = [slate.documents.shape[0], self.max_ratings]

        def score(rated: tf.Tensor):
            loc = tf.gather(liked, tf.nn.relu(rated), batch_dims=1)
            return tfd.Independent(tfd.Normal(loc, self.per_user("score_scale", 2)), 1)

        def tags(rated: tf.Tensor, is_tagged: tf.Tensor):
            films = tf.gather(slate.documents, tf.nn.relu(rated), batch_dims=1)
            is_seen = (is_tagged > 0) & self._is_given(state, rated)
            has_tag = tfd.Bernoulli(logits=self._tag_logits(state, films))
            given = tfd.Masked(
                has_tag, is_seen[..., tf.newaxis], lambda family: tf.zeros([], family.dtype)
            )
            return tfd.Independent(given, 2)

        tagging = state.tagging * tf.cast(state.is_tagger, self.dtype)
        return tfd.JointDistributionNamed(
            RatingDraws(
                rated=ranking(
                    self.per_user("choice_sharpness", 2) * liked + popularity, slate.mask
                ),
                score=score,
                is_tagged=tfd.Independent(
                    tfd.Bernoulli(probs=tf.broadcast_to(tagging[:, tf.newaxis], shape)), 1
                ),
                tags=tags,
            )
        )

    def outcome(self, state: TaggerDraws, slate: Slate, draw: RatingDraws):
        given, rated = self._is_given(state, draw.rated), tf.nn.relu(draw.rated)
        lowest = tf.reduce_min(draw.score, axis=1, keepdims=True)
        highest = tf.reduce_max(draw.score, axis=1, keepdims=True)
        share = (draw.score - lowest) / (highest + 1e-6 - lowest)
        stars = tf.minimum(1 + tf.cast(NUM_STARS * share, tf.int32), NUM_STARS)
        is_tagged = given & (draw.is_tagged > 0)
        tags = tf.where(is_tagged[..., tf.newaxis], draw.tags, 0)
        users = tf.tile(tf.range(given.shape[0])[:, tf.newaxis], [1, self.max_ratings])
        clicked = tf.scatter_nd(
            tf.stack([users, rated], axis=-1), tf.cast(given, self.dtype), slate.mask.shape
        )
        return RatingsAndTags(
            clicked=clicked,
            film=tf.where(given, tf.gather(slate.documents, rated, batch_dims=1), -1),
            stars=tf.where(given, stars, 0),
            is_tagged=is_tagged,
            tags=tf.cast(tags, self.dtype),
        )

    def observe(self, state: TaggerDraws):
        """An empty observation, [B, 0]."""
        return state.taste[:, :0]

    def response_bounds(self):
        return RatingsAndTags(
            clicked=Bounds(0.0, 1.0),
            film=Bounds(-1, self.num_films - 1),
            stars=Bounds(0, NUM_STARS),
            is_tagged=Bounds(),
            tags=Bounds(0.0, 1.0),
        )

    @functools.cached_property
    def _catalogue(self) -> Catalogue:
        return catalogue(self.seed, self.num_films, self.num_factors)

    def _axes(self) -> np.ndarray:
        shape = [self.num_attributes, self.num_senses, self.num_factors]
        if shape[0] * shape[1] > self.num_factors:
            raise ValueError(
                "num_factors must be at least num_attributes * num_senses ="
                f" {shape[0] * shape[1]} if directions is None, got {self.num_factors}"
            )
        return np.eye(shape[0] * shape[1], self.num_factors).reshape(shape)

    def _tastes(self, num_users: int) -> tfd.Distribution:
        topics = tf.cast(tf.convert_to_tensor(self.topics), self.dtype)
        scale = tf.ones_like(topics) * self.per_user("taste_scale", 3)
        return gaussian_mixture(num_users, topics, scale, self.per_user("topic_logits", 2))

    def _is_given(self, state: TaggerDraws, rated: tf.Tensor) -> tf.Tensor:
        """True where users give a rating, bool [B, R]."""
        return (tf.range(self.max_ratings) < state.num_ratings[:, tf.newaxis]) & (rated >= 0)

    def _tag_logits(self, state: TaggerDraws, films: tf.Tensor) -> tf.Tensor:
        """The logit that a film has an attribute in the sense of the user, [B, R, A]."""
        factors = self.entries("factors", films, [self.num_films, self.num_factors])
        degree = tf.matmul(factors, self._directions_of(state.senses), transpose_b=True)
        shape = [state.senses.shape[0], self.num_attributes, self.num_senses]
        threshold = in_sense(tf.broadcast_to(self._table("threshold"), shape), state.senses)
        scale = self.per_user("threshold_scale", 3) / _LOGISTIC_STDDEV
        return (degree - threshold[:, tf.newaxis]) / scale

    def _directions_of(self, senses: tf.Tensor) -> tf.Tensor:
        """The directions of attributes in the senses of users, [B, A, F]."""
        is_sense = tf.one_hot(senses, self.num_senses, dtype=self.dtype)
        return tf.linalg.matvec(self._table("directions"), is_sense, transpose_a=True)

    def _table(self, name: str) -> tf.Tensor:
        return tf.cast(tf.convert_to_tensor(self._value(name)), self.dtype)


def num_ratings_reward(response: RatingsAndTags) -> tf.Tensor:
    """The number of films that a user rates, [B]."""
    return tf.cast(tf.math.count_nonzero(response.stars, axis=-1), response.tags.dtype)


@checked
def ratings_and_tags(
    users: TaggingUsers | None = None, **simulator: Unpack[SimulatorOptions]
) -> Simulator:
    """Ratings and tags of films, RecSim NG 0.1.2's synthetic data for concept activation vectors. A
    user is shown all films at once, rates some and tags some of those.

    Observation: `user` is empty, [B, 0]; `documents` int32 [B, N], the films; `response` is
    `RatingsAndTags`. Reward: the number of ratings. A session has one step.

    Args:
      users: the users, by default `TaggingUsers()`.
      **simulator: further arguments of `Simulator`; by default a slate of all films.

    Raises:
      ValueError: for users of another class.
    """
    users = TaggingUsers() if users is None else users
    options: SimulatorOptions = {
        "slate_size": users.num_films,
        "num_candidates": users.num_films,
        "max_steps": 1,
        "reward_fn": num_ratings_reward,
        **simulator,
    }
    return Simulator(users, Films(users.num_films, dtype=users.dtype), **options)
