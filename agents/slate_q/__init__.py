"""SlateQ: Q-learning over slates, decomposed into item-wise values."""

from recsim_tf.agents.slate_q.agent import SlateQAgent, SlateQLoss, create_slate_q
from recsim_tf.agents.slate_q.network import ClickNetwork, SlateQNetwork, TwoTowerQNetwork
from recsim_tf.agents.slate_q.session_network import SessionQNetwork, SessionValues
from recsim_tf.agents.slate_q.targets import PRESETS, SlateQTargets, preset_arguments

__all__ = [
    "PRESETS",
    "ClickNetwork",
    "SessionQNetwork",
    "SessionValues",
    "SlateQAgent",
    "SlateQLoss",
    "SlateQNetwork",
    "SlateQTargets",
    "TwoTowerQNetwork",
    "create_slate_q",
    "preset_arguments",
]
