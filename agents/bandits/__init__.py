"""TF-Agents' bandits, which learn from all users, as slate agents."""

from recsim_tf.agents.bandits.arm_agent import (
    ArmAgent,
    TFArmPolicy,
    create_bandit,
)
from recsim_tf.agents.bandits.arms import Arms, ClusterArms, DocumentArms

__all__ = [
    "ArmAgent",
    "Arms",
    "ClusterArms",
    "DocumentArms",
    "TFArmPolicy",
    "create_bandit",
]
