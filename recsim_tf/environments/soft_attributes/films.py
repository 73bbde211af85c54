"""Films as candidates."""

import gin
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import validation
from recsim_tf.core.bounds import Bounds
from recsim_tf.core.distributions import candidate_ids
from recsim_tf.core.models import DocumentModel


@gin.configurable
class Films(DocumentModel):
    """D films that all raters share, all different in a slate's candidates; a document is its id,
    int32. What they are like is a parameter of the raters, who are fitted. Where there are as many
    candidates as films, all films are candidates, in the order of their ids.

    Args:
      num_films: D.
    """

    num_films: int = 300

    def check(self):
        validation.check_count(num_films=self.num_films)

    def candidates(self, num_users, num_candidates, corpus, user):
        del corpus, user
        if num_candidates == self.num_films:
            ids = tf.tile(tf.range(self.num_films)[tf.newaxis], [num_users, 1])
            return tfd.Independent(tfd.Deterministic(ids), 1)
        return candidate_ids(
            self.num_films, num_users, num_candidates, replacement=False, dtype=self.dtype
        )

    def observe(self, documents):
        return documents

    def observation_bounds(self):
        return Bounds(0, self.num_films - 1)
