"""A bandit over policies: the policy whose documents a user clicks most fills the slate first."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from recsim_tf.core import nests, random
from recsim_tf.core.explanations import Explanation
from recsim_tf.core.parameters import parameter
from recsim_tf.core.sessions import SessionSource
from recsim_tf.core.types import Nest, Observation, Policy, Seed, initial_policy_state
from recsim_tf.policies import fields
from recsim_tf.policies.clicks import ClickCounts, ClickScores, update_counts
from recsim_tf.policies.indices import BanditAlgorithm
from recsim_tf.policies.policy_model import PolicyModel


class ClickBanditState(NamedTuple):
    """Policy state of B users."""

    counts: ClickCounts  # [B, A]
    arms: tuple[Nest, ...]  # the policy state of each arm, () where it has none


class ClickBandit(PolicyModel):
    """A rollout policy: a bandit of each user's clicks ranks base policies, the arms.

    This is RecSim 0.2.4's `AbstractClickBanditLayer`. Arms are visited from the highest score
    downwards, and `ClickScores` gives the scores. Each arm adds the documents of its slate in
    order, without those that an earlier arm gave, until the slate is full. The slate is padded with
    -1 where all arms together have too few documents.

    A shown document counts for the arm whose number is the `cluster_id` of its response, whichever
    arm gave it, as in RecSim. So arm a should show documents of cluster a, and there are as many
    arms as clusters. With one `greedy_cluster_policy` for each cluster this is `ClusterBandit`.

    Every arm chooses a slate and moves its policy state at every step, whether it is visited or not
    (RecSim steps visited arms only).

        arms = [greedy_cluster_policy(simulator, cluster) for cluster in range(num_clusters)]
        policy = ClickBandit(simulator, arms)
        trajectory = simulator.rollout(policy, num_users, num_steps, seed)

    Args:
      simulator: an environment whose observed responses have `clicked` and the `cluster_id` of what
        was shown.
      arms: A policies, with or without a state. Their slates int32 [B, k] have any length k and are
        padded with -1.
      algorithm: "ucb1", "kl_ucb", "thompson" or a `BanditAlgorithm`.
      optimism_scaling: of the algorithm, RecSim's `ci_scaling`.

    Raises:
      ValueError: if a field is missing, if cluster ids are not integers with bounds, or if there is
        not one arm for each cluster.
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
        """Slates int32 [B, K], and the policy state with the observed response counted."""
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
        """The arms' scores, and the counts that they rest on."""
        score_seed, *_ = random.split_seed(seed, len(self.arms) + 1)
        counts = update_counts(policy_state.counts, observation.response)
        return self.scores.explain("arm", counts, score_seed)


def concatenate_slates(
    scores: tf.Tensor, slates: Sequence[tf.Tensor], num_candidates: int, slate_size: int
) -> tf.Tensor:
    """Joins slates from the highest score downwards, without padding and without repetition, up to
    a length.

    Args:
      scores: [B, A]; of equal ones the lower arm comes first.
      slates: A slates int32 [B, k], k of their own, in [0, N) or -1 for an empty position.
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
    # Where each candidate comes first, or the largest integer where it does not come at all; empty
    # positions belong to no segment.
    segments = tf.where(items >= 0, items + num_candidates * tf.range(num_users)[:, tf.newaxis], -1)
    order = tf.broadcast_to(tf.range(num_items), tf.shape(items))
    first = tf.math.unsorted_segment_min(order, segments, num_users * num_candidates)
    first = tf.reshape(first, [num_users, num_candidates])
    earliest, slate = tf.math.top_k(-first, slate_size)
    return tf.ensure_shape(
        tf.where(earliest > -num_items, slate, -1), [scores.shape[0], slate_size]
    )
