# SPDX-License-Identifier: Apache-2.0
"""SlateQ: Q-learning over slates, decomposed into item-wise values."""

from recsim_tf.agents.shared.towers import TwoTowers
from recsim_tf.agents.slate_q.agent import SlateQAgent, create_slate_q
from recsim_tf.agents.slate_q.network import ClickNetwork, SessionQNetwork, SlateQNetwork
from recsim_tf.agents.slate_q.targets import PRESETS, SlateQTargets, SlateSelection

__all__ = [
    "PRESETS",
    "ClickNetwork",
    "SessionQNetwork",
    "SlateQAgent",
    "SlateQNetwork",
    "SlateQTargets",
    "SlateSelection",
    "TwoTowers",
    "create_slate_q",
]
