"""Bandits: index algorithms over arms, logistic bandits over features, and policies that choose clusters of documents by clicks."""

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
from recsim_tf.agents.bandits.click_bandit import ClickBandit, ClickBanditState, concatenate_slates
from recsim_tf.agents.bandits.clicks import ClickCounts, ClickScores, update_counts
from recsim_tf.agents.bandits.cluster import ClusterBandit, greedy_cluster_policy, rank_cluster, rank_clusters
from recsim_tf.agents.bandits.glm import LogisticFit, fit_logistic, glm_thompson, ucb_glm, ucb_glm_radius

__all__ = [
    "ALGORITHMS",
    "BanditAlgorithm",
    "ClickBandit",
    "ClickBanditState",
    "ClickCounts",
    "ClickScores",
    "ClusterBandit",
    "LogisticFit",
    "bandit_algorithm",
    "bernoulli_rewards",
    "concatenate_slates",
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
