"""Documents of interest exploration: a topic and a quality, both visible."""

from typing import Any, NamedTuple

import gin
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import validation
from recsim_tf.core.bounds import Bounds
from recsim_tf.core.models import DocumentModel
from recsim_tf.core.parameters import parameter


class Document(NamedTuple):
    """Documents; leading axes [B, N] or [B, K]."""

    cluster_id: tf.Tensor  # int32 [...], the topic
    quality: tf.Tensor  # [...], positive


@gin.configurable
class TopicDocuments(DocumentModel):
    """Documents of T topics with log-normal qualities: RecSim 0.2.4's `IETopicDocumentSampler`,
    with its defaults.

    The topic is drawn from `topic_distribution`, the quality from LogNormal(quality_loc[topic],
    quality_scale[topic]). As in RecSim, which calls them mean and standard deviation of the
    quality, these are the parameters of the underlying normal: by default the mean qualities are
    exp(0.805) = 2.24 and exp(0.205) = 1.23. Agents see both attributes.

    The parameters may be numbers, tensors or variables, also [B, T], and have gradients through the
    `documents` part of `log_prob`.

    Args:
      topic_distribution: [T], probabilities of the topics.
      quality_loc: [T] or a number for all topics, mean of the logarithm of the quality.
      quality_scale: [T] or a number, standard deviation of the logarithm of the quality.
      dtype: tf.float32 or tf.float64.

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
        """T."""
        return validation.table_length("topic_distribution", self.topic_distribution)

    def candidates(self, num_users, num_candidates, corpus, user):
        del corpus, user
        probs = self.per_user("topic_distribution", 3)
        topics = tfd.BatchBroadcast(tfd.Categorical(probs=probs), [num_users, num_candidates])

        def quality(cluster_id):
            loc, scale = (
                self.entries(name, cluster_id, [self.num_topics])
                for name in ("quality_loc", "quality_scale")
            )
            return tfd.Independent(tfd.LogNormal(loc, scale), 1)

        return tfd.JointDistributionNamed(
            Document(cluster_id=tfd.Independent(topics, 1), quality=quality)
        )

    def observe(self, documents):
        return documents

    def observation_bounds(self):
        return Document(cluster_id=Bounds(0, self.num_topics - 1), quality=Bounds(0.0, None))
