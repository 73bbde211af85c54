"""Documents of intents: points that mean nothing."""

from typing import Any

import gin
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import validation
from recsim_tf.core.models import DocumentModel
from recsim_tf.core.parameters import parameter


@gin.configurable
class IntentDocuments(DocumentModel):
    """Features N(0, feature_scale) of each document, as RecSim NG 0.1.2's `SimpleNormalRecommender`
    shows them. A document is its features, [F].

    Args:
      num_features: F.
      feature_scale: standard deviation of each feature.
      dtype: tf.float32 or tf.float64.
    """

    num_features: int = 3
    feature_scale: Any = parameter(0.5, above=0)

    def check(self):
        validation.check_count(num_features=self.num_features)

    def candidates(self, num_corpora, num_candidates, corpus, user):
        shape = [num_corpora, num_candidates, self.num_features]
        scale = self.per_user("feature_scale", 3)
        return tfd.Independent(tfd.Normal(tf.zeros(shape, self.dtype), scale), 2)

    def observe(self, documents):
        return documents
