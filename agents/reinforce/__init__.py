"""The policy gradient over slates: REINFORCE with a Plackett-Luce policy, and corrections for
off-policy data.
"""

from recsim_tf.agents.reinforce.agent import (
    ReinforceSlateAgent,
    ReinforceSlateLoss,
    create_reinforce,
)
from recsim_tf.agents.reinforce.corrections import (
    ImportanceWeights,
    importance_weights,
    normalized_weights,
    top_k_multiplier,
)
from recsim_tf.agents.reinforce.networks import SlatePolicyNetwork, StateValueNetwork
from recsim_tf.agents.reinforce.policy import TFDrawnSlatePolicy

__all__ = [
    "ImportanceWeights",
    "ReinforceSlateAgent",
    "ReinforceSlateLoss",
    "SlatePolicyNetwork",
    "StateValueNetwork",
    "TFDrawnSlatePolicy",
    "create_reinforce",
    "importance_weights",
    "normalized_weights",
    "top_k_multiplier",
]
