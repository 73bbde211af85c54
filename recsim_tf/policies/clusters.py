# SPDX-License-Identifier: Apache-2.0
"""Bandits over clusters of documents.

A user's clicks rank the clusters, and quality ranks the documents within a cluster.
"""

import functools
from typing import Any

import tensorflow as tf

from recsim_tf.core import nests
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import configurable, is_integer
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.ranges import shown
from recsim_tf.core.base.traces import joint_key
from recsim_tf.core.base.types import Nest, Observation, Policy, Seed
from recsim_tf.core.models.explanations import Explanation
from recsim_tf.core.step.session_source import SessionSource
from recsim_tf.policies import fields
from recsim_tf.policies.clicks import ClickCounts, ClickScores, update_counts
from recsim_tf.policies.indices import BanditAlgorithm
from recsim_tf.policies.policy_model import PolicyModel


def rank_clusters(scores: tf.Tensor, documents: Nest, slate_size: int) -> tf.Tensor:
    """Slates of the documents of the best clusters, by the score of the cluster and then by the
    quality of the document, both descending.

    Args:
      scores: [B, T]; the lower of clusters with equal scores comes first.
      documents: documents with `cluster_id` int32 [B, N] in [0, T) and `quality` [B, N]; the lower
        of positions with equal qualities comes first.
      slate_size: K.

    Returns:
      int32 [B, K], positions of candidates.
    """
    num_clusters, num_candidates = scores.shape[1], documents.quality.shape[1]
    rank_of_cluster = tf.argsort(tf.math.top_k(scores, num_clusters).indices, axis=-1)
    by_quality = tf.math.top_k(documents.quality, num_candidates).indices
    rank = nests.take(nests.take(rank_of_cluster, documents.cluster_id), by_quality)
    # All keys differ, so the order does not depend on the treatment of equal keys by a sort.
    key = rank * num_candidates + tf.range(num_candidates)
    return nests.take(by_quality, tf.math.top_k(-key, slate_size).indices)


def rank_cluster(cluster_id: int | tf.Tensor, documents: Nest, slate_size: int) -> tf.Tensor:
    """Slates of the candidates of one cluster by quality, descending, as RecSim 0.2.4's
    `GreedyClusterAgent` shows them.

    Args:
      cluster_id: the cluster, a number or int32 [B].
      documents: the documents of `rank_clusters`.
      slate_size: K; with K = N all candidates of the cluster are returned.

    Returns:
      int32 [B, K], positions of candidates, and -1 after the last of the cluster.
    """
    cluster_id = tf.reshape(tf.convert_to_tensor(cluster_id, tf.int32), [-1, 1])
    of_cluster = documents.cluster_id == cluster_id
    lowest = tf.constant(documents.quality.dtype.min, documents.quality.dtype)
    slate = tf.math.top_k(tf.where(of_cluster, documents.quality, lowest), slate_size).indices
    size = tf.reduce_sum(tf.cast(of_cluster, tf.int32), axis=-1, keepdims=True)
    return tf.where(tf.range(slate_size) < size, slate, -1)


def greedy_cluster_policy(simulator: SessionSource, cluster_id: int) -> Policy:
    """A policy that shows the best documents of one cluster. Slates are shorter where the cluster
    has too few documents.

    Args:
      simulator: an environment whose documents have a `cluster_id` and a `quality`.
      cluster_id: the cluster, in [0, T).

    Raises:
      ValueError: if the environment has queries, if documents lack one of the fields, or for an
        unknown cluster.
    """
    fields.require_slates("greedy_cluster_policy", simulator)
    num_clusters = fields.document_clusters(simulator)
    if not is_integer(cluster_id) or not 0 <= cluster_id < num_clusters:
        raise ValueError(
            f"cluster_id must be in [0, num_clusters={num_clusters}), got {shown(cluster_id)}"
        )

    return _GreedyCluster(simulator, cluster_id)


class _GreedyCluster:
    """A policy that shows the best documents of one cluster; see `greedy_cluster_policy`."""

    def __init__(self, simulator: SessionSource, cluster_id: int):
        self._simulator, self._cluster_id = simulator, cluster_id

    def __call__(self, observation: Observation, policy_state: Nest, seed: Seed):
        slate_size = self._simulator.slate_size
        return rank_cluster(self._cluster_id, observation.documents, slate_size), policy_state

    def trace_key(self) -> tuple | None:
        """The key of the environment."""
        return joint_key(self._simulator)


@configurable
class ClusterBandit(PolicyModel):
    """A rollout policy in which a bandit of each user's clicks ranks the clusters.

    This is RecSim 0.2.4's `ClusterBanditAgent`. Clusters are visited from the highest score
    downwards, and `ClickScores` gives the scores. Each cluster adds its candidates by quality until
    the slate is full. Clusters of equal score are visited in the order of their index, so the first
    slate of a session begins with cluster 0, as in RecSim. Every step has a new seed, so Thompson
    sampling draws anew, where RecSim repeats its draws. The counts begin at zero in every session.

    Args:
      simulator: an environment whose observed documents have a `cluster_id` and a `quality`, and
        whose observed responses have `clicked` and the `cluster_id` of the documents shown. The
        bounds of the documents' `cluster_id` give the number of clusters.
      algorithm: "ucb1", "kl_ucb", "thompson" or a `BanditAlgorithm`.
      optimism_scaling: the optimism of the algorithm, RecSim's `ci_scaling`.

    Raises:
      ValueError: if the environment has queries, if a field is missing, or if cluster ids are not
        integers with bounds.
    """

    simulator: SessionSource
    algorithm: str | BanditAlgorithm = "ucb1"
    optimism_scaling: Any = parameter(1.0, low=0)

    def check(self):
        fields.require_slates("ClusterBandit", self.simulator)
        response_spec = self.simulator.observation_spec().response
        validation.check_fields("responses", response_spec, "clicked", "cluster_id")
        self.scores.check()

    @functools.cached_property
    def scores(self) -> ClickScores:
        """The scores of the clusters."""
        num_clusters = fields.document_clusters(self.simulator)
        return ClickScores(num_clusters, self.algorithm, self.optimism_scaling)

    def initial_state(self, num_users: int) -> ClickCounts:
        """The counts at the start of a session, of [num_users, ...]."""
        return self.scores.initial_counts(num_users)

    def __call__(
        self, observation: Observation, policy_state: ClickCounts, seed: Seed
    ) -> tuple[tf.Tensor, ClickCounts]:
        """Slates int32 [B, K], and the counts with the observed response added."""
        counts = update_counts(policy_state, observation.response)
        scores = self.scores(counts, seed)
        return rank_clusters(scores, observation.documents, self.simulator.slate_size), counts

    def explain(
        self, observation: Observation, policy_state: ClickCounts, seed: Seed
    ) -> Explanation:
        """The scores of the clusters, and the counts behind them."""
        return self.scores.explain(
            "cluster", update_counts(policy_state, observation.response), seed
        )
