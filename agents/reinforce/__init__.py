"""The policy gradient over slates and turns, with corrections for off-policy data."""

from recsim_tf.agents.reinforce.agent import (
    ReinforceSlateAgent,
    ReinforceSlateLoss,
    create_reinforce,
)
from recsim_tf.agents.reinforce.corrections import ImportanceWeights, top_k_multiplier
from recsim_tf.agents.reinforce.networks import (
    SlatePolicyNetwork,
    StateValueNetwork,
    TurnPolicyNetwork,
    TwoTowerPolicyNetwork,
)

__all__ = [
    "ImportanceWeights",
    "ReinforceSlateAgent",
    "ReinforceSlateLoss",
    "SlatePolicyNetwork",
    "StateValueNetwork",
    "TurnPolicyNetwork",
    "TwoTowerPolicyNetwork",
    "create_reinforce",
    "top_k_multiplier",
]
