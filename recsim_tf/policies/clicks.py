"""Clicks as the rewards of a bandit.

What a user was shown and clicked of each cluster gives the clusters their scores.
"""

import functools
from typing import Any, NamedTuple

import tensorflow as tf

from recsim_tf.core import validation
from recsim_tf.core.explanations import Explanation
from recsim_tf.core.parameters import parameter
from recsim_tf.core.ranges import Range
from recsim_tf.core.types import Nest, Seed
from recsim_tf.policies import fields
from recsim_tf.policies.indices import BanditAlgorithm, bandit_algorithm, thompson
from recsim_tf.policies.policy_model import PolicyModel


class ClickCounts(NamedTuple):
    """What a user was shown and clicked in this session; all zero at its start."""

    impressions: tf.Tensor  # float32 [B, T], documents shown of each cluster
    clicks: tf.Tensor  # float32 [B, T], clicks on them
    # bool [B], whether a slate was shown, so that the next response is one to count
    started: tf.Tensor


def counts_spec(num_clusters: int) -> ClickCounts:
    """Specs of the counts of one user."""
    counts = tf.TensorSpec([num_clusters], tf.float32)
    return ClickCounts(impressions=counts, clicks=counts, started=tf.TensorSpec([], tf.bool))


def update_counts(counts: ClickCounts, response: Nest) -> ClickCounts:
    """Adds the response to the previous slate and notes that another slate is coming.

    Args:
      counts: of B users and T clusters.
      response: with `clicked` [B, K] and `cluster_id` int [B, K]; ignored where no slate was shown.
    """
    num_clusters = counts.impressions.shape[1]
    counted = tf.cast(counts.started, tf.float32)[:, tf.newaxis, tf.newaxis]
    shown = counted * tf.one_hot(response.cluster_id, num_clusters)
    clicked = tf.cast(response.clicked, tf.float32)[..., tf.newaxis]
    return ClickCounts(
        impressions=counts.impressions + tf.reduce_sum(shown, axis=1),
        clicks=counts.clicks + tf.reduce_sum(shown * clicked, axis=1),
        started=tf.ones_like(counts.started),
    )


class ClickScores(PolicyModel):
    """Scores of arms, one for each cluster, from the counts of a session.

    A bandit algorithm scores the clusters. Its pulls are the user's impressions, its rewards the
    clicks, and its round is the sum of the impressions. Until a user has been shown every cluster,
    the clusters shown least come first, whatever the algorithm (RecSim 0.2.4).

    Args:
      num_clusters: T.
      algorithm: "ucb1", "kl_ucb", "thompson" or a `BanditAlgorithm`.
      optimism_scaling: of the algorithm, at least 0, of "thompson" above 0; RecSim's `ci_scaling`.

    Raises:
      ValueError: for an unknown algorithm, or a number out of range.
    """

    num_clusters: int
    algorithm: str | BanditAlgorithm = "ucb1"
    optimism_scaling: Any = parameter(1.0, low=0)

    def check(self):
        validation.check_count(num_clusters=self.num_clusters)
        if self._algorithm is thompson:
            # The values of tensors are not known inside a graph.
            Range(above=0).check("optimism_scaling", self.optimism_scaling)

    @functools.cached_property
    def _algorithm(self) -> BanditAlgorithm:
        name = self.algorithm
        return bandit_algorithm(name) if isinstance(name, str) else name

    def initial_counts(self, num_users: int) -> ClickCounts:
        """The counts of `num_users` users at the start of a session."""
        return fields.zeros(counts_spec(self.num_clusters), num_users)

    def __call__(self, counts: ClickCounts, seed: Seed) -> tf.Tensor:
        """The clusters' scores, float32 [B, T]."""
        total = tf.reduce_sum(counts.impressions, axis=-1)
        scaling = self.per_user("optimism_scaling", rank=2)
        scores = self._algorithm(counts.impressions, counts.clicks, total, scaling, seed)
        some_unshown = tf.reduce_any(counts.impressions == 0, axis=-1, keepdims=True)
        return tf.where(some_unshown, -counts.impressions, scores)

    def explain(self, kind: str, counts: ClickCounts, seed: Seed) -> Explanation:
        """The arms, named by their kind and number, with their scores and counts."""
        return Explanation(
            alternatives={
                "score": self(counts, seed),
                "shown": counts.impressions,
                "clicks": counts.clicks,
            },
            labels=[f"{kind} {number}" for number in range(self.num_clusters)],
        )
