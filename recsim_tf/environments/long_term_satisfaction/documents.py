"""Documents of long-term satisfaction: between kale, clickbait 0, and chocolate, clickbait 1."""

from typing import NamedTuple

import gin
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core.bounds import Bounds
from recsim_tf.core.models import DocumentModel


class Document(NamedTuple):
    """Documents; leading axes [B, N] or [B, K]."""

    clickbait: tf.Tensor  # [...], in [0, 1]


@gin.configurable
class ClickbaitDocuments(DocumentModel):
    """Documents with a uniform clickbait score c, RecSim 0.2.4's `LTSDocumentSampler`; agents see
    c, or the kaleness 1 - c.

    Args:
      show_kaleness: whether agents see 1 - c, as in RecSim's tutorial, instead of c.
    """

    show_kaleness: bool = False

    def candidates(self, num_users, num_candidates, corpus, user):
        del corpus, user
        return tfd.Independent(
            tfd.Uniform(
                tf.zeros([num_users, num_candidates], self.dtype), tf.constant(1, self.dtype)
            ),
            1,
        )

    def describe(self, draw, corpus):
        del corpus
        return Document(clickbait=draw)

    def observe(self, documents):
        """One feature of each document, [B, N, 1]."""
        feature = 1 - documents.clickbait if self.show_kaleness else documents.clickbait
        return feature[..., tf.newaxis]

    def observation_bounds(self):
        return Bounds(0.0, 1.0)
