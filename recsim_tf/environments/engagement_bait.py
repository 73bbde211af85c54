# SPDX-License-Identifier: Apache-2.0
"""Engagement bait, in which videos that are watched long drive away the interests of users."""

import dataclasses
import functools
from typing import Annotated, Any, NamedTuple, Unpack

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import choice
from recsim_tf.core import random
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import AtLeast, Count, checked, configurable
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Nest, Slate
from recsim_tf.core.distributions import Shifted, candidate_ids, uniform_ids
from recsim_tf.core.models.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator, SimulatorOptions


class Catalogue(NamedTuple):
    """The attributes of D videos."""

    topic: np.ndarray  # int [D], in [0, F)
    quality: np.ndarray  # [D]
    features: np.ndarray  # [D, F]


class Video(NamedTuple):
    """Videos; leading axes [W, N] or [B, K]. Agents see the ids."""

    video_id: tf.Tensor  # int32 [...], in [0, D)
    quality: tf.Tensor  # [...]
    length: tf.Tensor  # [...], in units of time
    features: tf.Tensor  # [..., F]


@checked
def catalogue(
    seed: int,
    num_videos: Count = 100,
    num_features: Annotated[int, AtLeast(2)] = 2,
    quality_stddev: float = 0.1,
    feature_stddev: float = 0.7,
) -> Catalogue:
    """Videos drawn as in RecSim NG 0.1.2's `CorpusWithTopicAndQuality`, with its constants.

    A video has one of F topics. The mean qualities of the first int(0.7 F) topics are evenly spaced
    from -1 to 0, and of the other topics from 0 to 1. With two topics they are -1 and 0. The
    features are normal around the one-hot vector of the topic.

    Args:
      seed: the seed of NumPy's `default_rng`.
      num_videos: D.
      num_features: F, at least 2.
      quality_stddev: the standard deviation of qualities around the mean of the topic.
      feature_stddev: the standard deviation of each feature.
    """
    random.as_seed(seed)
    num_low = int(0.7 * num_features)
    means = [np.linspace(-1, 0, num_low), np.linspace(0, 1, num_features - num_low)]
    generator = np.random.default_rng(seed)
    topic = generator.integers(num_features, size=num_videos)
    noise = generator.standard_normal(num_videos)
    quality = np.concatenate(means)[topic] + quality_stddev * noise
    around = feature_stddev * generator.standard_normal([num_videos, num_features])
    return Catalogue(topic, quality, np.eye(num_features)[topic] + around)


@configurable
class BaitVideos(DocumentModel):
    """D videos that the users of a world share. Agents see only the ids of candidates, as the
    collaborative filter in RecSim NG's demonstration does.

    The candidates of a world are drawn from the catalogue without replacement. By default they are
    the whole catalogue, in its order. The tables may be arrays, tensors or variables, and have
    gradients through the `response` part of `log_prob`.

    Args:
      num_videos: D.
      num_features: F, at least 2.
      quality: [D]; None for the qualities of `catalogue(seed)`.
      features: [D, F]; None for the features of `catalogue(seed)`.
      length: [D], or a number for all videos.
      seed: the seed of the catalogue, an integer.

    Raises:
      ValueError: if a number is out of range or a shape is wrong; when candidates are drawn, if
        they are more than the videos.
    """

    num_videos: int = 100
    num_features: int = 2
    quality: Any = parameter(rank=1, drawn=lambda videos: videos._catalogue.quality)
    features: Any = parameter(rank=2, drawn=lambda videos: videos._catalogue.features)
    length: Any = parameter(2.0, rank=1, above=0)
    seed: int = 0

    shared = True

    def check(self):
        axes = {"num_videos": self.num_videos}
        validation.check_table("quality", self.quality, **axes)
        validation.check_table("length", self.length, or_number=True, **axes)
        validation.check_table("features", self.features, **axes, num_features=self.num_features)

    @functools.cached_property
    def _catalogue(self) -> Catalogue:
        return catalogue(self.seed, self.num_videos, self.num_features)

    def candidates(self, num_corpora: int, num_candidates: int, corpus: Nest, user: Nest):
        if num_candidates == self.num_videos:
            return Shifted(
                uniform_ids(1, num_corpora, num_candidates, self.dtype), np.arange(num_candidates)
            )
        return candidate_ids(
            self.num_videos, num_corpora, num_candidates, replacement=False, dtype=self.dtype
        )

    def describe(self, draw: tf.Tensor, corpus: Nest):
        shape = [self.num_videos, self.num_features]
        return Video(
            draw,
            quality=self.entries("quality", draw, shape[:1]),
            length=self.entries("length", draw, shape[:1]),
            features=self.entries("features", draw, shape),
        )

    def observe(self, documents: Video):
        return documents.video_id

    def observation_bounds(self):
        return Bounds(0, self.num_videos - 1)


class Response(NamedTuple):
    """The response to a slate, per position."""

    clicked: tf.Tensor  # [B, K], 1 at the chosen position
    consumed_time: tf.Tensor  # [B, K], 0 where not chosen
    video_id: tf.Tensor  # int32 [B, K], the ids of all videos shown


@configurable
class BaitedUsers(UserModel[tf.Tensor, Video, Response]):
    """Users who choose the videos close to them, watch videos of low quality longer, and are driven
    away by them. They are RecSim NG 0.1.2's partially observable `InterestEvolutionUser`.

    The interests x of a user are drawn from N(0, 1). A user chooses by scores 2 - |x - v|, and
    watches a video of quality q for sigmoid(-q) * length. Then x moves by `interest_step_size` * q
    * (v - x), which is towards a good video and away from a bad video. In each step, with a choice
    or without, interests are squashed to 4 M (sigmoid(x / M) - 1/2), which keeps them within 2 M
    and hardly changes small interests. Agents see only the watched videos and their watch time.
    Users do not leave.

    Args:
      num_features: F, the same as in the videos.
      num_videos: D, the same as in the videos.
      interest_step_size: the factor of the step of interests.
      max_affinity: M.
      choice_model: the model that chooses by the scores; by default a multinomial logit with a
        no_click_mass of 0.
    """

    num_features: Count = 2
    num_videos: Count = 100
    interest_step_size: Any = parameter(0.1)
    max_affinity: Any = parameter(10.0, above=0)
    choice_model: choice.ChoiceModel = dataclasses.field(
        default_factory=lambda: choice.MultinomialLogit(no_click_mass=0.0)
    )

    def check_documents(self, documents: DocumentModel, slate_size: int):
        if isinstance(documents, BaitVideos):
            validation.check_same(self, documents, "num_features", "num_videos")

    def initial_draws(self, num_users: int):
        loc = tf.zeros([num_users, self.num_features], self.dtype)
        return tfd.Independent(tfd.Normal(loc, tf.ones([], self.dtype)), 1)

    def response(self, state: tf.Tensor, slate: Slate[Video]):
        scores = 2 + choice.affinity.negative_euclidean(state, slate.documents.features)
        return self.choice_model(scores, slate.mask)

    def outcome(self, state: tf.Tensor, slate: Slate[Video], draw: tf.Tensor):
        video = slate.documents
        clicked = tf.one_hot(draw, slate.mask.shape[1], dtype=self.dtype)
        time = clicked * tf.sigmoid(-video.quality) * video.length
        return Response(clicked, time, video.video_id)

    def update(self, state: tf.Tensor, slate: Slate[Video], response: Response, innovation: Nest):
        video = slate.documents
        weight = response.clicked * video.quality
        towards = video.features - state[:, tf.newaxis]
        moved = tf.reduce_sum(weight[:, :, tf.newaxis] * towards, axis=1)
        largest = self.per_user("max_affinity", 2)
        squashed = tf.sigmoid((state + self.per_user("interest_step_size", 2) * moved) / largest)
        return 4 * largest * (squashed - 0.5)

    def observe(self, state: tf.Tensor):
        """An empty observation, [B, 0]."""
        return state[:, :0]

    def response_bounds(self):
        return Response(Bounds(0.0, 1.0), Bounds(0.0, None), Bounds(0, self.num_videos - 1))


def consumed_time_reward(response: Response) -> tf.Tensor:
    """The watch time of the chosen video, [B], which is 0 without a choice."""
    return tf.reduce_sum(response.consumed_time, axis=-1)


@configurable
def engagement_bait(
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    dtype: tf.DType = tf.float32,
    **simulator: Unpack[SimulatorOptions],
) -> Simulator:
    """Engagement bait, "EngagementBait-v0": the videos watched longest drive users away, and
    interests are hidden. It is RecSim NG 0.1.2's partially observable interest evolution.

    Observation: `user` [B, 0] is empty. `documents` int32 [B, N] are the ids of videos. `response`
    to the last slate has `clicked` and `consumed_time` [B, K], and `video_id` int32 [B, K]. Reward:
    the watch time. Users do not leave, so the time limit truncates a session. All users of a world
    have the same candidates, which do not change.

        simulator = recsim_tf.make("EngagementBait-v0")
        state = simulator.reset(num_users=1000, seed=0)

    Args:
      users, documents: the models, by default `BaitedUsers()` and `BaitVideos()` of the dtype.
      **simulator: further arguments of `Simulator`; by default slates of 2 of all videos, and 100
        steps, as in RecSim NG's demonstration. All users are one world.
    """
    users, documents = users or BaitedUsers(dtype=dtype), documents or BaitVideos(dtype=dtype)
    options: SimulatorOptions = {
        "slate_size": 2,
        "max_steps": 100,
        "resample_documents": False,
        "reward_fn": consumed_time_reward,
    }
    if isinstance(documents, BaitVideos):
        options["num_candidates"] = documents.num_videos
    options |= simulator
    return Simulator(users, documents, **options)
