"""The policy gradient over slates and turns: REINFORCE with a Plackett-Luce policy, and corrections
for off-policy data.
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
from recsim_tf.agents.reinforce.networks import (
    SlatePolicyNetwork,
    StateValueNetwork,
    TwoTowerPolicyNetwork,
)
from recsim_tf.agents.reinforce.policy import TFDrawnSlatePolicy
from recsim_tf.agents.reinforce.queries import TurnPolicyNetwork

__all__ = [
    "ImportanceWeights",
    "ReinforceSlateAgent",
    "ReinforceSlateLoss",
    "SlatePolicyNetwork",
    "StateValueNetwork",
    "TFDrawnSlatePolicy",
    "TurnPolicyNetwork",
    "TwoTowerPolicyNetwork",
    "create_reinforce",
    "importance_weights",
    "normalized_weights",
    "top_k_multiplier",
]
