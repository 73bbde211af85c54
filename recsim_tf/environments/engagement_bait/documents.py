"""Videos of engagement bait: a catalogue of which agents see the ids alone."""

from typing import Any, NamedTuple

import gin
import numpy as np
import tensorflow as tf

from recsim_tf.core import random, validation
from recsim_tf.core.bounds import Bounds
from recsim_tf.core.distributions import Shifted, candidate_ids, uniform_ids
from recsim_tf.core.models import DocumentModel
from recsim_tf.core.parameters import parameter


class Catalogue(NamedTuple):
    """What D videos are like."""

    topic: np.ndarray  # int [D], in [0, F)
    quality: np.ndarray  # [D]
    features: np.ndarray  # [D, F]


class Video(NamedTuple):
    """Videos; leading axes [W, N] or [B, K]. Agents see the ids."""

    video_id: tf.Tensor  # int32 [...], in [0, D)
    quality: tf.Tensor  # [...]
    length: tf.Tensor  # [...], in units of time
    features: tf.Tensor  # [..., F]


def catalogue(
    seed: int,
    num_videos: int = 100,
    num_features: int = 2,
    quality_stddev: float = 0.1,
    feature_stddev: float = 0.7,
) -> Catalogue:
    """Videos as in RecSim NG 0.1.2's `CorpusWithTopicAndQuality`, with its constants.

    A video's topic is one of F. The mean qualities of the first int(0.7 F) topics are evenly spaced
    from -1 to 0, those of the others from 0 to 1; with two topics they are -1 and 0. The features
    are normal around the one-hot vector of the topic.

    Args:
      seed: of NumPy's `default_rng`.
      num_videos: D.
      num_features: F, at least 2.
      quality_stddev: standard deviation of qualities around the mean of the topic.
      feature_stddev: standard deviation of each feature.

    Raises:
      ValueError: for a number out of range.
    """
    random.as_seed(seed)
    validation.check_count(num_videos=num_videos)
    validation.check_at_least(2, num_features=num_features)
    num_low = int(0.7 * num_features)
    means = [np.linspace(-1, 0, num_low), np.linspace(0, 1, num_features - num_low)]
    generator = np.random.default_rng(seed)
    topic = generator.integers(num_features, size=num_videos)
    noise = generator.standard_normal(num_videos)
    quality = np.concatenate(means)[topic] + quality_stddev * noise
    around = feature_stddev * generator.standard_normal([num_videos, num_features])
    return Catalogue(topic, quality, np.eye(num_features)[topic] + around)


@gin.configurable
class BaitVideos(DocumentModel):
    """D videos that the users of a world share. Agents see the ids of candidates and nothing else,
    as the collaborative filter in RecSim NG's demonstration.

    The candidates of a world are drawn from the catalogue without replacement. By default they are
    all of it, in its order. The tables may be arrays, tensors or variables, and have gradients
    through the `response` part of `log_prob`.

    Args:
      num_videos: D.
      num_features: F, at least 2.
      quality: [D]; None for those of `catalogue(seed)`.
      features: [D, F]; None for those of `catalogue(seed)`.
      length: [D], or a number for all videos.
      seed: of the catalogue, an integer.
      dtype: tf.float32 or tf.float64.

    Raises:
      ValueError: if a number is out of range or a shape is wrong; and where candidates are drawn,
        if there are more of them than videos.
    """

    num_videos: int = 100
    num_features: int = 2
    quality: Any = parameter(None, rank=1)
    features: Any = parameter(None, rank=2)
    length: Any = parameter(2.0, rank=1, above=0)
    seed: int = 0

    shared = True

    def check(self):
        drawn = catalogue(self.seed, self.num_videos, self.num_features)
        for name in ("quality", "features"):
            if getattr(self, name) is None:
                setattr(self, name, getattr(drawn, name).astype(self.dtype.as_numpy_dtype))
        axes = {"num_videos": self.num_videos}
        validation.check_table("quality", self.quality, **axes)
        validation.check_table("length", self.length, or_number=True, **axes)
        validation.check_table("features", self.features, **axes, num_features=self.num_features)

    def candidates(self, num_corpora, num_candidates, corpus, user):
        if num_candidates == self.num_videos:
            return Shifted(
                uniform_ids(1, num_corpora, num_candidates, self.dtype), np.arange(num_candidates)
            )
        return candidate_ids(
            self.num_videos, num_corpora, num_candidates, replacement=False, dtype=self.dtype
        )

    def describe(self, draw, corpus):
        shape = [self.num_videos, self.num_features]
        return Video(
            draw,
            quality=self.entries("quality", draw, shape[:1]),
            length=self.entries("length", draw, shape[:1]),
            features=self.entries("features", draw, shape),
        )

    def observe(self, documents):
        return documents.video_id

    def observation_bounds(self):
        return Bounds(0, self.num_videos - 1)
