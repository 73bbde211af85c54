# SPDX-License-Identifier: Apache-2.0
"""Documents of interest evolution: videos with a topic, a length, and a hidden quality."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import Count, configurable
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Nest
from recsim_tf.core.distributions import uniform_ids
from recsim_tf.core.models.models import DocumentModel
from recsim_tf.core.targets import for_tpu


class Video(NamedTuple):
    """Videos before they are shown; leading axes [B, N] or [B, K]."""

    features: tf.Tensor  # [..., F]
    cluster_id: tf.Tensor  # int32 [...], the topic
    length: tf.Tensor  # [...]
    mean_quality: tf.Tensor  # [...], the mean of the quality


class ShownVideo(NamedTuple):
    """Videos on a slate, [B, K]."""

    features: tf.Tensor  # [B, K, F]
    cluster_id: tf.Tensor  # int32 [B, K]
    length: tf.Tensor  # [B, K]
    quality: tf.Tensor  # [B, K], hidden until now


class ShownTopic(ShownVideo):
    """Videos on a slate whose features are the one-hot vectors of their topics."""


def affinities(documents: ShownVideo, values: tf.Tensor) -> tf.Tensor:
    """The inner products [B, K] of the features of videos with values [B, F] of the users.

    For topics they are entries of the values, which a CPU looks up in a sixth of the time of the
    products. A TPU is slow at looking up. Videos of a relaxed slate have no topic.
    """
    features, topic = documents.features, documents.cluster_id
    has_topics = isinstance(documents, ShownTopic) and tf.is_tensor(topic)
    if has_topics and features.shape[-1] == values.shape[-1] and not for_tpu():
        return nests.take(values, topic)
    return tf.reduce_sum(features * values[:, tf.newaxis, :], axis=-1)


class PlainDraw(NamedTuple):
    """Draws of `PlainVideos`."""

    features: tf.Tensor  # [B, N, F]
    length: tf.Tensor  # [B, N], before it is capped


class _Videos(DocumentModel):
    """The base of both kinds of videos. Agents see only their features, as in RecSim."""

    def show(self, documents: Video, hidden: Nest):
        quality = hidden if tf.is_tensor(hidden) else documents.mean_quality
        return ShownVideo(documents.features, documents.cluster_id, documents.length, quality)

    def observe(self, documents: Video):
        return documents.features

    def observation_bounds(self):
        return Bounds(-1.0, 1.0)


@configurable
class UtilityVideos(_Videos):
    """Videos of one topic each, with a quality around the topic's mean, RecSim 0.2.4's
    `UtilityModelVideoSampler`.

    The topic is uniform over T topics and is the one-hot feature vector. The quality is
    N(mean[topic], quality_stddev). The means rise linearly from `min_utility` to 0 over the first
    70 % of the topics and from 0 to `max_utility` over the rest.

    Args:
      num_topics: T, such that int(0.7 T) + int(0.3 T) == T (as 10 or 20), unless
        `topic_quality_means` is given.
      min_utility: the mean quality of the worst topic.
      max_utility: the mean quality of the best topic.
      quality_stddev: the standard deviation of the quality around its topic's mean. RecSim calls
        its 0.1 a variance, but uses it as a standard deviation.
      video_length: the watch time of a click, in the unit of the users' budget.
      topic_quality_means: float [T] or [B, T], the mean qualities instead of the linear table.
    """

    num_topics: Count = 20
    min_utility: Any = parameter(-3.0)
    max_utility: Any = parameter(3.0)
    quality_stddev: Any = parameter(0.1, low=0)
    video_length: Any = parameter(4.0, low=0)
    topic_quality_means: Any = parameter(None, rank=1)

    @property
    def num_kinds(self):
        return self.num_topics

    def check(self):
        topics, means = {"num_topics": self.num_topics}, self.topic_quality_means
        if means is not None:
            validation.check_table("topic_quality_means", means, **topics)
        elif int(0.7 * self.num_topics) + int(0.3 * self.num_topics) != self.num_topics:
            raise ValueError(
                "num_topics must satisfy int(0.7 T) + int(0.3 T) == T (as 10 or 20) without"
                f" topic_quality_means, got {self.num_topics}"
            )

    def mean_quality(self) -> tf.Tensor:
        """The mean quality of each topic, [T], or [B, T] where a parameter of it is [B]."""
        if self.topic_quality_means is not None:
            return self.per_user("topic_quality_means", 2)
        num_negative = int(0.7 * self.num_topics)
        num_positive = self.num_topics - num_negative
        falling = np.concatenate([np.linspace(1.0, 0.0, num_negative), np.zeros(num_positive)])
        rising = np.concatenate([np.zeros(num_negative), np.linspace(0.0, 1.0, num_positive)])
        lowest, highest = self.per_user("min_utility", 2), self.per_user("max_utility", 2)
        return lowest * tf.constant(falling, self.dtype) + highest * tf.constant(rising, self.dtype)

    def candidates(self, num_users: int, num_candidates: int, corpus: Nest, user: Nest):
        return uniform_ids(self.num_topics, num_users, num_candidates, self.dtype)

    def describe(self, draw: tf.Tensor, corpus: Nest):
        features = tf.one_hot(draw, self.num_topics, dtype=self.dtype)
        length = tf.broadcast_to(self.per_user("video_length", 2), draw.shape)
        quality = nests.lookup(self.mean_quality(), draw, rank=1)
        return Video(features=features, cluster_id=draw, length=length, mean_quality=quality)

    def reveal(self, documents: Video):
        stddev = self.per_user("quality_stddev", 2)
        return tfd.Independent(tfd.Normal(documents.mean_quality, stddev), 1)

    def show(self, documents: Video, hidden: Nest):
        return ShownTopic(*super().show(documents, hidden))


@configurable
class PlainVideos(_Videos):
    """Videos with dense uniform features, random lengths and quality 1, RecSim 0.2.4's
    `IEvVideoSampler`.

    Args:
      num_features: F.
      min_feature_value: the lower end of the features.
      max_feature_value: the upper end of the features.
      video_length_mean: the mean of the length before it is capped.
      video_length_stddev: the standard deviation of the length before it is capped. A negative
        length is possible, as in RecSim.
      max_video_length: the length of the longest video.
      quality: the quality of every video.
    """

    num_features: Count = 20
    min_feature_value: float = -1.0
    max_feature_value: float = 1.0
    video_length_mean: Any = parameter(4.3)
    video_length_stddev: Any = parameter(1.0, low=0)
    max_video_length: Any = parameter(100.0, low=0, high=float("inf"))
    quality: Any = parameter(1.0)

    def check(self):
        if not self.min_feature_value < self.max_feature_value:
            raise ValueError(
                f"min_feature_value must be below max_feature_value={self.max_feature_value}, got"
                f" {self.min_feature_value}"
            )

    def candidates(self, num_users: int, num_candidates: int, corpus: Nest, user: Nest):
        low = tf.fill(
            [num_users, num_candidates, self.num_features],
            tf.constant(self.min_feature_value, self.dtype),
        )
        features = tfd.Uniform(low, tf.constant(self.max_feature_value, self.dtype))
        mean = tf.broadcast_to(self.per_user("video_length_mean", 2), [num_users, num_candidates])
        length = tfd.Normal(mean, self.per_user("video_length_stddev", 2))
        return tfd.JointDistributionNamed(
            PlainDraw(features=tfd.Independent(features, 2), length=tfd.Independent(length, 1))
        )

    def describe(self, draw: PlainDraw, corpus: Nest):
        return Video(
            features=draw.features,
            # RecSim leaves the topic out, and breaks. Here it is the largest feature.
            cluster_id=tf.argmax(draw.features, axis=-1, output_type=tf.int32),
            length=tf.minimum(draw.length, self.per_user("max_video_length", 2)),
            mean_quality=tf.broadcast_to(self.per_user("quality", 2), draw.length.shape),
        )
