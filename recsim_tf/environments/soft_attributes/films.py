"""Films as candidates."""

import gin

from recsim_tf.core import validation
from recsim_tf.core.bounds import Bounds
from recsim_tf.core.distributions import candidate_ids
from recsim_tf.core.models import DocumentModel


@gin.configurable
class Films(DocumentModel):
    """D films that all raters share, all different in a slate's candidates; a document is its id,
    int32. What they are like is a parameter of the raters, who are fitted.

    Args:
      num_films: D.
      dtype: tf.float32 or tf.float64.
    """

    num_films: int = 300

    def check(self):
        validation.check_count(num_films=self.num_films)

    def candidates(self, num_users, num_candidates, corpus, user):
        del corpus, user
        return candidate_ids(
            self.num_films, num_users, num_candidates, replacement=False, dtype=self.dtype
        )

    def observe(self, documents):
        return documents

    def observation_bounds(self):
        return Bounds(0, self.num_films - 1)
