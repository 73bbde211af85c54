"""Policies for `Simulator.rollout`, and their parts. They need TensorFlow Probability alone."""

from recsim_tf.core.explanations import Explained, Explanation, explanation_of
from recsim_tf.policies.boosting import Boosting
from recsim_tf.policies.click_bandit import ClickBandit
from recsim_tf.policies.clickbait import clickbait_policy
from recsim_tf.policies.clicks import ClickCounts, ClickScores
from recsim_tf.policies.clusters import (
    ClusterBandit,
    greedy_cluster_policy,
    rank_cluster,
    rank_clusters,
)
from recsim_tf.policies.greedy import greedy_pctr_policy
from recsim_tf.policies.indices import (
    ALGORITHMS,
    BanditAlgorithm,
    bandit_algorithm,
    bernoulli_rewards,
    kl_ucb,
    thompson,
    thompson_posterior,
    ucb1,
)
from recsim_tf.policies.logistic import (
    fit_logistic,
    glm_thompson,
    ucb_glm,
    ucb_glm_radius,
)
from recsim_tf.policies.myopic import myopic_policy
from recsim_tf.policies.oracle import OraclePolicy, oracle_policy
from recsim_tf.policies.plackett_luce import PlackettLucePolicy
from recsim_tf.policies.policy_model import PolicyModel
from recsim_tf.policies.random import random_policy, uniform_slate
from recsim_tf.policies.registry import BASELINE_NAMES, BASELINES, baseline_policy
from recsim_tf.policies.slates import (
    exact_slate,
    greedy_slate,
    slate_advantage,
    slate_optimizer,
    top_k_slate,
)
from recsim_tf.policies.trending import Trending

__all__ = [
    "ALGORITHMS",
    "BASELINES",
    "BASELINE_NAMES",
    "BanditAlgorithm",
    "Boosting",
    "ClickBandit",
    "ClickCounts",
    "ClickScores",
    "ClusterBandit",
    "Explained",
    "Explanation",
    "OraclePolicy",
    "PlackettLucePolicy",
    "PolicyModel",
    "Trending",
    "bandit_algorithm",
    "baseline_policy",
    "bernoulli_rewards",
    "clickbait_policy",
    "exact_slate",
    "explanation_of",
    "fit_logistic",
    "glm_thompson",
    "greedy_cluster_policy",
    "greedy_pctr_policy",
    "greedy_slate",
    "kl_ucb",
    "myopic_policy",
    "oracle_policy",
    "random_policy",
    "rank_cluster",
    "rank_clusters",
    "slate_advantage",
    "slate_optimizer",
    "thompson",
    "thompson_posterior",
    "top_k_slate",
    "ucb1",
    "ucb_glm",
    "ucb_glm_radius",
    "uniform_slate",
]
