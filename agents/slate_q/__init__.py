"""SlateQ: Q-learning over slates, decomposed into item-wise values."""

from recsim_tf.agents.slate_q.agent import SlateQAgent, SlateQLoss, create_slate_q
from recsim_tf.agents.slate_q.network import (
    ClickNetwork,
    SessionQNetwork,
    SlateQNetwork,
    TwoTowerQNetwork,
)
from recsim_tf.agents.slate_q.targets import PRESETS, SlateQTargets, preset_arguments

__all__ = [
    "PRESETS",
    "ClickNetwork",
    "SessionQNetwork",
    "SlateQAgent",
    "SlateQLoss",
    "SlateQNetwork",
    "SlateQTargets",
    "TwoTowerQNetwork",
    "create_slate_q",
    "preset_arguments",
]
