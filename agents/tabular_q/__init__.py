"""Tabular Q-learning over discretised observations and slates."""

from recsim_tf.agents.tabular_q.agent import (
    EXPLORATION_POLICIES,
    TabularQAgent,
    TabularQLoss,
    create_tabular_q,
)
from recsim_tf.agents.tabular_q.cells import SlateCells
from recsim_tf.agents.tabular_q.discretise import ObservationDigits

__all__ = [
    "EXPLORATION_POLICIES",
    "ObservationDigits",
    "SlateCells",
    "TabularQAgent",
    "TabularQLoss",
    "create_tabular_q",
]
