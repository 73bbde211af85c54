# SPDX-License-Identifier: Apache-2.0
"""Layers between environments and agents: histories, statistics, held slates, switching costs,
beliefs, and turns as actions.

Layers can be stacked.
"""

from recsim_tf.agents.layers.belief import BeliefLayer, TurnLayer
from recsim_tf.agents.layers.kinds import Kinds
from recsim_tf.agents.layers.layer import Layer, LayeredPolicy, LayeredSimulator, serve
from recsim_tf.agents.layers.statistics import (
    ClusterClickStatistics,
    FixedLengthHistory,
    SufficientStatistics,
)
from recsim_tf.agents.layers.temporal import SwitchingCost, TemporalAggregation

__all__ = [
    "BeliefLayer",
    "ClusterClickStatistics",
    "FixedLengthHistory",
    "Kinds",
    "Layer",
    "LayeredPolicy",
    "LayeredSimulator",
    "SufficientStatistics",
    "SwitchingCost",
    "TemporalAggregation",
    "TurnLayer",
    "serve",
]
