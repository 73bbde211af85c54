"""Tabular Q-learning over discretised observations and slates."""

from recsim_tf.agents.tabular_q.agent import TabularQAgent, TabularQLoss, create_tabular_q
from recsim_tf.agents.tabular_q.cells import SlateCells
from recsim_tf.agents.tabular_q.discretise import ObservationDigits

__all__ = [
    "ObservationDigits",
    "SlateCells",
    "TabularQAgent",
    "TabularQLoss",
    "create_tabular_q",
]
