"""Bandits: index algorithms over arms, logistic bandits over features, policies that choose by
clicks within a session, and TF-Agents' bandits, which learn from all users, as slate agents."""

from recsim_tf.agents.bandits.algorithms import (
    ALGORITHMS,
    BanditAlgorithm,
    bandit_algorithm,
    bernoulli_rewards,
    kl_ucb,
    thompson,
    thompson_posterior,
    ucb1,
)
from recsim_tf.agents.bandits.arm_agent import (
    ArmAgent,
    ArmPolicy,
    create_bandit_over_clusters,
    create_bandit_over_documents,
)
from recsim_tf.agents.bandits.arms import Arms, ClusterArms, DocumentArms
from recsim_tf.agents.bandits.click_bandit import ClickBandit, ClickBanditState, concatenate_slates
from recsim_tf.agents.bandits.clicks import ClickCounts, ClickScores, update_counts
from recsim_tf.agents.bandits.cluster import (
    ClusterBandit,
    greedy_cluster_policy,
    rank_cluster,
    rank_clusters,
)
from recsim_tf.agents.bandits.glm import (
    LogisticFit,
    fit_logistic,
    glm_thompson,
    ucb_glm,
    ucb_glm_radius,
)

__all__ = [
    "ALGORITHMS",
    "ArmAgent",
    "ArmPolicy",
    "Arms",
    "BanditAlgorithm",
    "ClickBandit",
    "ClickBanditState",
    "ClickCounts",
    "ClickScores",
    "ClusterArms",
    "ClusterBandit",
    "DocumentArms",
    "LogisticFit",
    "bandit_algorithm",
    "bernoulli_rewards",
    "concatenate_slates",
    "create_bandit_over_clusters",
    "create_bandit_over_documents",
    "fit_logistic",
    "glm_thompson",
    "greedy_cluster_policy",
    "kl_ucb",
    "rank_cluster",
    "rank_clusters",
    "thompson",
    "thompson_posterior",
    "ucb1",
    "ucb_glm",
    "ucb_glm_radius",
    "update_counts",
]
