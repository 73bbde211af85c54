# SPDX-License-Identifier: Apache-2.0
"""Bandits whose rewards are clicks.

The scores of the clusters come from a user's impressions and clicks of each cluster. The policy
whose documents a user clicks most fills the slate first.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from recsim_tf.core import nests, random
from recsim_tf.core.base.arguments import Count, configurable
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.ranges import Range
from recsim_tf.core.base.types import Nest, Observation, Policy, Seed, initial_policy_state
from recsim_tf.core.models.explanations import Explanation
from recsim_tf.core.step.session_source import SessionSource
from recsim_tf.policies import fields
from recsim_tf.policies.indices import BanditAlgorithm, bandit_algorithm, thompson
from recsim_tf.policies.policy_model import PolicyModel


class ClickCounts(NamedTuple):
    """Impressions and clicks of users in this session, which are zero at its start."""

    impressions: tf.Tensor  # float32 [B, T], documents shown of each cluster
    clicks: tf.Tensor  # float32 [B, T], clicks on them
    # bool [B], whether a slate was shown, so that the next response counts
    started: tf.Tensor


def counts_spec(num_clusters: int) -> ClickCounts:
    """Specs of the counts of one user."""
    counts = tf.TensorSpec([num_clusters], tf.float32)
    return ClickCounts(impressions=counts, clicks=counts, started=tf.TensorSpec([], tf.bool))


def update_counts(counts: ClickCounts, response: Nest) -> ClickCounts:
    """Adds the response to the previous slate to the counts of B users and T clusters, and marks
    that a slate is shown. The response has `clicked` [B, K] and `cluster_id` int [B, K], and is
    ignored where no slate was shown.
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
    """Scores of clusters, which are the arms, from the counts of a session.

    A bandit algorithm scores the clusters. Its pulls are the user's impressions, its rewards are
    the clicks, and its round is the sum of the impressions. Until a user has seen every cluster,
    the clusters shown least come first for every algorithm, as in RecSim 0.2.4.

    Args:
      num_clusters: T.
      algorithm: "ucb1", "kl_ucb", "thompson" or a `BanditAlgorithm`.
      optimism_scaling: the optimism of the algorithm, at least 0, and above 0 for "thompson". It is
        RecSim's `ci_scaling`.

    Raises:
      ValueError: for an unknown algorithm, or a number out of range.
    """

    num_clusters: Count
    algorithm: str | BanditAlgorithm = "ucb1"
    optimism_scaling: Any = parameter(1.0, low=0)

    def check(self):
        if self._algorithm is thompson:
            # The check lets tensors pass whose values are not known, as inside a graph.
            Range(above=0).check("optimism_scaling", self.optimism_scaling)

    @functools.cached_property
    def _algorithm(self) -> BanditAlgorithm:
        name = self.algorithm
        return bandit_algorithm(name) if isinstance(name, str) else name

    def initial_counts(self, num_users: int) -> ClickCounts:
        """The counts of `num_users` users at the start of a session."""
        return fields.zeros(counts_spec(self.num_clusters), num_users)

    def __call__(self, counts: ClickCounts, seed: Seed) -> tf.Tensor:
        """The scores of the clusters, float32 [B, T]."""
        total = tf.reduce_sum(counts.impressions, axis=-1)
        scaling = self.per_user("optimism_scaling", rank=2)
        scores = self._algorithm(counts.impressions, counts.clicks, total, scaling, seed)
        some_unshown = tf.reduce_any(counts.impressions == 0, axis=-1, keepdims=True)
        return tf.where(some_unshown, -counts.impressions, scores)

    def explain(self, kind: str, counts: ClickCounts, seed: Seed) -> Explanation:
        """An explanation by the scores and counts of the arms, named by their kind and number."""
        return Explanation(
            alternatives={
                "score": self(counts, seed),
                "shown": counts.impressions,
                "clicks": counts.clicks,
            },
            labels=[f"{kind} {number}" for number in range(self.num_clusters)],
        )


class ClickBanditState(NamedTuple):
    """The policy state of B users."""

    counts: ClickCounts  # [B, A]
    arms: tuple[Nest, ...]  # the policy state of each arm, () where it has none


@configurable
class ClickBandit(PolicyModel):
    """A rollout policy in which a bandit of each user's clicks ranks base policies, the arms.

    This is RecSim 0.2.4's `AbstractClickBanditLayer`. Arms are visited from the highest score
    downwards, and `ClickScores` gives the scores. Each arm adds the documents of its slate in
    order, without documents of earlier arms, until the slate is full. The slate is padded with -1
    where all arms together have too few documents.

    A shown document counts for the arm whose number is the `cluster_id` of its response, even if
    another arm gave it, as in RecSim. So arm a should show documents of cluster a, and there are as
    many arms as clusters. With one `greedy_cluster_policy` for each cluster this is
    `ClusterBandit`.

    Every arm chooses a slate and moves its policy state at every step, whether it is visited or
    not. RecSim steps only visited arms.

        arms = [greedy_cluster_policy(simulator, cluster) for cluster in range(num_clusters)]
        policy = ClickBandit(simulator, arms)

    Args:
      simulator: an environment whose observed responses have `clicked` and the `cluster_id` of the
        documents shown.
      arms: A policies, with or without a state. Their slates int32 [B, k] have any length k and are
        padded with -1.
      algorithm: "ucb1", "kl_ucb", "thompson" or a `BanditAlgorithm`.
      optimism_scaling: the optimism of the algorithm, RecSim's `ci_scaling`.

    Raises:
      ValueError: if a field is missing, if cluster ids are not integers with bounds, or if the
        number of arms is not the number of clusters.
    """

    simulator: SessionSource
    arms: Sequence[Policy]
    algorithm: str | BanditAlgorithm = "ucb1"
    optimism_scaling: Any = parameter(1.0, low=0)

    def check(self):
        fields.require_slates("ClickBandit", self.simulator)
        num_clusters = fields.response_clusters(self.simulator.observation_spec().response)
        if len(self.arms) != num_clusters:
            raise ValueError(
                f"arms must be one policy for each of the num_clusters={num_clusters} of responses,"
                f" got {len(self.arms)}"
            )
        self.scores.check()

    @functools.cached_property
    def scores(self) -> ClickScores:
        """The scores of the arms."""
        return ClickScores(len(self.arms), self.algorithm, self.optimism_scaling)

    def initial_state(self, num_users: int) -> ClickBanditState:
        """The policy state at the start of a session, [num_users, ...]."""
        arms = tuple(initial_policy_state(arm, num_users) for arm in self.arms)
        return ClickBanditState(counts=self.scores.initial_counts(num_users), arms=arms)

    def __call__(
        self, observation: Observation, policy_state: ClickBanditState, seed: Seed
    ) -> tuple[tf.Tensor, ClickBanditState]:
        """Slates int32 [B, K], and the policy state with the counts of the observed response."""
        counts = update_counts(policy_state.counts, observation.response)
        score_seed, *arm_seeds = random.split_seed(seed, len(self.arms) + 1)
        acted = [
            arm(observation, arm_state, arm_seed)
            for arm, arm_state, arm_seed in zip(
                self.arms, policy_state.arms, arm_seeds, strict=True
            )
        ]
        slates, arm_states = zip(*acted, strict=True)
        slate = concatenate_slates(
            self.scores(counts, score_seed),
            slates,
            self.simulator.num_candidates,
            self.simulator.slate_size,
        )
        return slate, ClickBanditState(counts, arm_states)

    def explain(
        self, observation: Observation, policy_state: ClickBanditState, seed: Seed
    ) -> Explanation:
        """The scores of the arms, and the counts behind them."""
        score_seed, *_ = random.split_seed(seed, len(self.arms) + 1)
        counts = update_counts(policy_state.counts, observation.response)
        return self.scores.explain("arm", counts, score_seed)


def concatenate_slates(
    scores: tf.Tensor, slates: Sequence[tf.Tensor], num_candidates: int, slate_size: int
) -> tf.Tensor:
    """Joins slates from the highest score downwards, without padding and without repetition, up to
    a length.

    Args:
      scores: [B, A]; the lower of arms with equal scores comes first.
      slates: A slates int32 [B, k] of different lengths k, in [0, N) or -1 for an empty position.
      num_candidates: N.
      slate_size: K, at most N.

    Returns:
      int32 [B, K], padded with -1.
    """
    length = max(slate.shape[1] for slate in slates)
    padded = [
        tf.pad(slate, [[0, 0], [0, length - slate.shape[1]]], constant_values=-1)
        for slate in slates
    ]
    by_score = tf.math.top_k(scores, len(slates)).indices
    num_users, num_items = tf.shape(scores)[0], len(slates) * length
    items = tf.reshape(nests.take(tf.stack(padded, axis=1), by_score), [num_users, num_items])
    # The first position of each candidate, or the largest integer where it is in no slate. Empty
    # positions belong to no segment.
    segments = tf.where(items >= 0, items + num_candidates * tf.range(num_users)[:, tf.newaxis], -1)
    order = tf.broadcast_to(tf.range(num_items), tf.shape(items))
    first = tf.math.unsorted_segment_min(order, segments, num_users * num_candidates)
    first = tf.reshape(first, [num_users, num_candidates])
    earliest, slate = tf.math.top_k(-first, slate_size)
    return tf.ensure_shape(
        tf.where(earliest > -num_items, slate, -1), [scores.shape[0], slate_size]
    )
