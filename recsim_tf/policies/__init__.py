# SPDX-License-Identifier: Apache-2.0
"""Policies for `Simulator.rollout`, which need only TensorFlow Probability.

Their parts are in modules: `choice_scores` has beliefs about clicks, `slates` has slate optimisers,
`indices` has bandit algorithms, and `clusters` and `clicks` rank clusters.
"""

from recsim_tf.core.models.explanations import Explained, Explanation, explanation_of
from recsim_tf.policies.clickbait import clickbait_policy
from recsim_tf.policies.clicks import ClickBandit
from recsim_tf.policies.clusters import ClusterBandit, greedy_cluster_policy
from recsim_tf.policies.exported import exported_policy
from recsim_tf.policies.myopic import (
    OraclePolicy,
    greedy_pctr_policy,
    myopic_policy,
    softmax_policy,
)
from recsim_tf.policies.numpy import numpy_policy
from recsim_tf.policies.plackett_luce import PlackettLucePolicy
from recsim_tf.policies.policy_model import PolicyModel
from recsim_tf.policies.random import random_policy
from recsim_tf.policies.registry import BASELINES, baseline_policy
from recsim_tf.policies.stochastic import Deterministic, EpsilonGreedy, StochasticPolicy
from recsim_tf.policies.trending import Boosting, Trending

__all__ = [
    "BASELINES",
    "Boosting",
    "ClickBandit",
    "ClusterBandit",
    "Deterministic",
    "EpsilonGreedy",
    "Explained",
    "Explanation",
    "OraclePolicy",
    "PlackettLucePolicy",
    "PolicyModel",
    "StochasticPolicy",
    "Trending",
    "baseline_policy",
    "clickbait_policy",
    "explanation_of",
    "exported_policy",
    "greedy_cluster_policy",
    "greedy_pctr_policy",
    "myopic_policy",
    "numpy_policy",
    "random_policy",
    "softmax_policy",
]
