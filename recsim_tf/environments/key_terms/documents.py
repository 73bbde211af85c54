"""Arms and the key-terms that describe them, as candidates of one kind.

A question is a slate. Beside the arms of a round, the candidates hold key-terms, flagged by
`is_key_term`. To recommend, an agent shows an arm. To ask whether the user likes a key-term, it
shows the key-term: this round is a question, whose answer is no click, earns no reward, and does
not count as a round of the user's. So an agent asks what it wants, when it wants, and only the
answer to that question is drawn. An answer to every key-term at every step, of which the agent
looks at some, would be simpler to write, but would put what no agent may know into the response.
"""

from typing import Any, NamedTuple

import gin
import tensorflow as tf

from recsim_tf.core import random, validation
from recsim_tf.core.bounds import Bounds
from recsim_tf.core.models import DocumentModel
from recsim_tf.core.parameters import parameter
from recsim_tf.environments.key_terms.catalogue import draw_catalogue
from recsim_tf.environments.key_terms.offers import OfferedIds


class Candidate(NamedTuple):
    """Arms and key-terms; leading axes [B, N] or [B, K]."""

    item_id: tf.Tensor  # int32 [...]: arms in [0, A), key-terms in [A, A + W)
    is_key_term: tf.Tensor  # [...], 1 for a key-term, 0 for an arm
    features: tf.Tensor  # [..., F]


@gin.configurable
class KeyTermDocuments(DocumentModel):
    """A arms and W key-terms that all users share, with F features each.

    The first candidates of a round are arms, drawn anew, each equally likely. The others are
    key-terms: all W of them in their order where num_candidates = num_offered_arms + W, else as
    many as there is room for, drawn anew as well. The defaults are those of Xie et al. 2021, see
    `draw_catalogue`, but that their 50 arms differ. Of 50 drawn here, two are the same in one round
    of five; that moves the regret by less than one in a thousand.

    The table of features may be an array, a tensor or a variable, also with a leading axis [B], and
    has gradients through the `response` part of `log_prob`.

    Args:
      num_arms: A.
      num_key_terms: W.
      num_features: F, at least 2.
      num_offered_arms: how many candidates are arms; with fewer candidates all are arms.
      features: [A + W, F], of arms, then of key-terms. None draws them by `draw_catalogue`.
      seed: of `features`, an integer.

    Raises:
      ValueError: if a number is out of range or a shape is wrong.
    """

    num_arms: int = 5000
    num_key_terms: int = 500
    num_features: int = 50
    num_offered_arms: int = 50
    features: Any = parameter(None, rank=2)
    seed: int = 0

    def check(self):
        validation.check_count(
            num_arms=self.num_arms,
            num_key_terms=self.num_key_terms,
            num_offered_arms=self.num_offered_arms,
        )
        validation.check_at_least(2, num_features=self.num_features)
        random.as_seed(self.seed)
        if self.features is None:
            features = draw_catalogue(
                self.num_arms, self.num_key_terms, self.num_features, self.seed
            )
            self.features = features.astype(self.dtype.as_numpy_dtype)
        validation.check_table(
            "features",
            self.features,
            items=self.num_arms + self.num_key_terms,
            num_features=self.num_features,
        )

    def split(self, num_candidates: int) -> tuple[int, int]:
        """How many of N candidates are arms, which come first, and how many are key-terms."""
        num_arms = min(num_candidates, self.num_offered_arms)
        return num_arms, num_candidates - num_arms

    def candidates(self, num_users, num_candidates, corpus, user):
        return OfferedIds(
            self.num_arms,
            self.num_key_terms,
            num_users,
            *self.split(num_candidates),
            dtype=self.dtype,
        )

    def describe(self, draw, corpus):
        return Candidate(
            item_id=draw,
            is_key_term=tf.cast(draw >= self.num_arms, self.dtype),
            features=self.entries(
                "features", draw, [self.num_arms + self.num_key_terms, self.num_features]
            ),
        )

    def observe(self, documents):
        return documents

    def observation_bounds(self):
        return Candidate(
            item_id=Bounds(0, self.num_arms + self.num_key_terms - 1),
            is_key_term=Bounds(0.0, 1.0),
            features=Bounds(),
        )
