"""The policy gradient over slates: REINFORCE with a Plackett-Luce policy, and corrections for
off-policy data.
"""

from recsim_tf.agents.reinforce.agent import ReinforceSlateAgent, ReinforceSlateLoss
from recsim_tf.agents.reinforce.corrections import (
    importance_weights,
    normalized_weights,
    top_k_multiplier,
)
from recsim_tf.agents.reinforce.create import create_reinforce
from recsim_tf.agents.reinforce.networks import SlatePolicyNetwork, StateValueNetwork
from recsim_tf.agents.reinforce.policy import DrawnSlatePolicy

__all__ = [
    "DrawnSlatePolicy",
    "ReinforceSlateAgent",
    "ReinforceSlateLoss",
    "SlatePolicyNetwork",
    "StateValueNetwork",
    "create_reinforce",
    "importance_weights",
    "normalized_weights",
    "top_k_multiplier",
]
