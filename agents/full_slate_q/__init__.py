"""Full-slate Q-learning: each ordered slate is one action."""

from recsim_tf.agents.full_slate_q.agent import FullSlateQAgent, FullSlateQLoss, create_full_slate_q
from recsim_tf.agents.full_slate_q.network import FullSlateQNetwork, TopicSetQNetwork
from recsim_tf.agents.shared.slate_table import SlateTable

__all__ = [
    "FullSlateQAgent",
    "FullSlateQLoss",
    "FullSlateQNetwork",
    "SlateTable",
    "TopicSetQNetwork",
    "create_full_slate_q",
]
