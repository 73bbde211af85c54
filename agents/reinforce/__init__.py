# SPDX-License-Identifier: Apache-2.0
"""The policy gradient over slates and turns, with corrections for off-policy data."""

from recsim_tf.agents.reinforce.agent import (
    ImportanceWeights,
    PolicyGradient,
    ReinforceSlateAgent,
    create_reinforce,
)
from recsim_tf.agents.reinforce.networks import (
    SlatePolicyNetwork,
    StateValueNetwork,
    TurnPolicyNetwork,
)
from recsim_tf.agents.shared.towers import TwoTowers

__all__ = [
    "ImportanceWeights",
    "PolicyGradient",
    "ReinforceSlateAgent",
    "SlatePolicyNetwork",
    "StateValueNetwork",
    "TurnPolicyNetwork",
    "TwoTowers",
    "create_reinforce",
]
