"""SlateQ: Q-learning over slates, decomposed into item-wise values."""

from recsim_tf.agents.slate_q.agent import SlateQAgent, SlateQLoss, create_slate_q
from recsim_tf.agents.slate_q.network import ClickNetwork, SlateQNetwork
from recsim_tf.agents.slate_q.presets import PRESETS, preset_arguments
from recsim_tf.agents.slate_q.session_network import SessionQNetwork, SessionValues
from recsim_tf.agents.slate_q.targets import SlateQTargets
from recsim_tf.agents.slate_q.two_tower import TwoTowerQNetwork

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
