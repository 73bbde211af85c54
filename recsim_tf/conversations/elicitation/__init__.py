"""Policies of conversations: they keep a belief about each user, and recommend or ask by it."""

from recsim_tf.conversations.elicitation.asking import AskMost, AskWhileItPays
from recsim_tf.conversations.elicitation.believing import BelievingPolicy, Tracker
from recsim_tf.conversations.elicitation.recommending import (
    RecommendBest,
    RecommendKnown,
    RecommendSet,
    ThompsonSampling,
)
from recsim_tf.conversations.elicitation.turns import (
    AskAttributes,
    AskItem,
    CandidateTurns,
    ComparePairs,
    CompareSet,
    Endorse,
    ShowChips,
    ShowSet,
    TurnKind,
)

__all__ = [
    "AskAttributes",
    "AskItem",
    "AskMost",
    "AskWhileItPays",
    "BelievingPolicy",
    "CandidateTurns",
    "ComparePairs",
    "CompareSet",
    "Endorse",
    "RecommendBest",
    "RecommendKnown",
    "RecommendSet",
    "ShowChips",
    "ShowSet",
    "ThompsonSampling",
    "Tracker",
    "TurnKind",
]
