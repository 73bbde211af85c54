"""Fixed policies to judge agents by; each is a policy for `Simulator.rollout`."""

from recsim_tf.agents.baselines.myopic import myopic_policy
from recsim_tf.agents.baselines.oracle import oracle_policy
from recsim_tf.agents.baselines.random import random_policy, random_slate

__all__ = ["myopic_policy", "oracle_policy", "random_policy", "random_slate"]
