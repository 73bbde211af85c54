"""Contextual bandits that ask: they show arms, and now and then ask whether the user likes a
key-term. Policies with a state for each user, for the key-terms environment.

TF-Agents' `LinearUCBAgent` learns one model from all users, in variables. These learn a model of
each user from the user's own session, in the policy state, as the papers do.
"""

from recsim_tf.agents.bandits.conversational.bandit import (
    KeyTermBandit,
    logarithmic_questions,
    random_arms,
)
from recsim_tf.agents.bandits.conversational.ridge_bandits import ConLinUCB, ConUCB, LinUCB

__all__ = [
    "ConLinUCB",
    "ConUCB",
    "KeyTermBandit",
    "LinUCB",
    "logarithmic_questions",
    "random_arms",
]
