# SPDX-License-Identifier: Apache-2.0
"""TF-Agents' bandits as slate agents, and `conversational` bandits with a model for each user."""

from recsim_tf.agents.bandits import conversational
from recsim_tf.agents.bandits.arm_agent import (
    ArmAgent,
    Arms,
    ClusterArms,
    DocumentArms,
    create_bandit,
)

__all__ = ["ArmAgent", "Arms", "ClusterArms", "DocumentArms", "conversational", "create_bandit"]
