"""Full-slate Q-learning: each ordered slate is one action."""

from recsim_tf.agents.full_slate_q.agent import FullSlateQAgent, FullSlateQLoss, create_full_slate_q
from recsim_tf.agents.full_slate_q.network import FullSlateQNetwork
from recsim_tf.agents.full_slate_q.slates import SlateTable
from recsim_tf.agents.full_slate_q.topic_sets import TopicSetQNetwork

__all__ = [
    "FullSlateQAgent",
    "FullSlateQLoss",
    "FullSlateQNetwork",
    "SlateTable",
    "TopicSetQNetwork",
    "create_full_slate_q",
]
