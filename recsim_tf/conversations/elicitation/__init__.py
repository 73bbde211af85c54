# SPDX-License-Identifier: Apache-2.0
"""Policies of conversations, which recommend or ask by a belief about each user."""

from recsim_tf.conversations.elicitation.policies import (
    AskMost,
    AskWhileItPays,
    RecommendBest,
    RecommendKnown,
    RecommendSet,
    ThompsonSampling,
)
from recsim_tf.conversations.elicitation.turns import (
    AskAttributes,
    AskItem,
    ComparePairs,
    CompareSet,
    Endorse,
    ShowChips,
    ShowSet,
)

__all__ = [
    "AskAttributes",
    "AskItem",
    "AskMost",
    "AskWhileItPays",
    "ComparePairs",
    "CompareSet",
    "Endorse",
    "RecommendBest",
    "RecommendKnown",
    "RecommendSet",
    "ShowChips",
    "ShowSet",
    "ThompsonSampling",
]
