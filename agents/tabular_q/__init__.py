# SPDX-License-Identifier: Apache-2.0
"""Tabular Q-learning over discretised observations and slates."""

from recsim_tf.agents.tabular_q.agent import (
    TabularExploration,
    TabularQAgent,
    TabularUpdates,
    create_tabular_q,
)
from recsim_tf.agents.tabular_q.cells import SlateCells

__all__ = [
    "SlateCells",
    "TabularExploration",
    "TabularQAgent",
    "TabularUpdates",
    "create_tabular_q",
]
