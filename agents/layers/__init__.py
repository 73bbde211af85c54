"""Layers between environments and agents: histories, statistics, held slates and switching costs;
beliefs and menus of turns.

Layers stack.
"""

from recsim_tf.agents.layers.belief import (
    Alternative,
    BeliefLayer,
    BeliefStatistics,
    MenuLayer,
    Standing,
)
from recsim_tf.agents.layers.layer import Layer
from recsim_tf.agents.layers.layered import LayeredPolicy, LayeredSimulator, serve
from recsim_tf.agents.layers.statistics import (
    ClickStatistics,
    ClusterClickStatistics,
    FixedLengthHistory,
    History,
    SufficientStatistics,
)
from recsim_tf.agents.layers.temporal import SwitchingCost, TemporalAggregation
from recsim_tf.policies.observations import UserWithLastSlate, UserWithStatistics

__all__ = [
    "Alternative",
    "BeliefLayer",
    "BeliefStatistics",
    "ClickStatistics",
    "ClusterClickStatistics",
    "FixedLengthHistory",
    "History",
    "Layer",
    "LayeredPolicy",
    "LayeredSimulator",
    "MenuLayer",
    "Standing",
    "SufficientStatistics",
    "SwitchingCost",
    "TemporalAggregation",
    "UserWithLastSlate",
    "UserWithStatistics",
    "serve",
]
