# SPDX-License-Identifier: Apache-2.0
"""Full-slate Q-learning, in which each ordered slate is an action."""

from recsim_tf.agents.full_slate_q.agent import (
    FullSlateQAgent,
    FullSlateQTargets,
    create_full_slate_q,
)
from recsim_tf.agents.full_slate_q.network import FullSlateQNetwork, TopicSetQNetwork

__all__ = [
    "FullSlateQAgent",
    "FullSlateQNetwork",
    "FullSlateQTargets",
    "TopicSetQNetwork",
    "create_full_slate_q",
]
