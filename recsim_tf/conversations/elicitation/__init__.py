"""Policies of conversations: they keep a belief about each user, and recommend or ask by it."""

from recsim_tf.conversations.elicitation.asking import AskMost, AskWhileItPays
from recsim_tf.conversations.elicitation.believing import BelievingPolicy, Tracker
from recsim_tf.conversations.elicitation.entries import (
    AskAttributes,
    AskItem,
    ComparePairs,
    CompareSet,
    Endorse,
    Entry,
    ShowChips,
    ShowSet,
)
from recsim_tf.conversations.elicitation.menu import Menu
from recsim_tf.conversations.elicitation.outlook import Outlook
from recsim_tf.conversations.elicitation.recommending import (
    RecommendBest,
    RecommendKnown,
    RecommendSet,
    ThompsonSampling,
)

__all__ = [
    "AskAttributes",
    "AskItem",
    "AskMost",
    "AskWhileItPays",
    "BelievingPolicy",
    "ComparePairs",
    "CompareSet",
    "Endorse",
    "Entry",
    "Menu",
    "Outlook",
    "RecommendBest",
    "RecommendKnown",
    "RecommendSet",
    "ShowChips",
    "ShowSet",
    "ThompsonSampling",
    "Tracker",
]
