"""Policies to judge agents by, without anything to train; each is a policy for
`Simulator.rollout`.
"""

from recsim_tf.agents.baselines.agent import BaselineAgent, create_baseline
from recsim_tf.agents.baselines.greedy_pctr import greedy_pctr_policy
from recsim_tf.agents.baselines.myopic import myopic_policy
from recsim_tf.agents.baselines.oracle import oracle_policy
from recsim_tf.agents.baselines.random import random_policy
from recsim_tf.agents.baselines.registry import BASELINE_NAMES, BASELINES, baseline_policy

__all__ = [
    "BASELINES",
    "BASELINE_NAMES",
    "BaselineAgent",
    "baseline_policy",
    "create_baseline",
    "greedy_pctr_policy",
    "myopic_policy",
    "oracle_policy",
    "random_policy",
]
