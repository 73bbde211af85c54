"""Layers between environments and agents: histories, statistics, held slates and switching costs;
beliefs and menus of turns.

Layers stack.
"""

from recsim_tf.agents.layers.belief import BeliefLayer, MenuLayer
from recsim_tf.agents.layers.layer import Layer
from recsim_tf.agents.layers.layered import LayeredPolicy, LayeredSimulator, serve
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
    "Layer",
    "LayeredPolicy",
    "LayeredSimulator",
    "MenuLayer",
    "SufficientStatistics",
    "SwitchingCost",
    "TemporalAggregation",
    "serve",
]
