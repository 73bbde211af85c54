"""Contextual bandits that ask: they show arms, and now and then ask whether the user likes a
key-term. Policies with a state for each user, for the key-terms environment.

TF-Agents' `LinearUCBAgent` learns one model from all users, in variables. These learn a model of
each user from the user's own session, in the policy state, as the papers do.
"""

from recsim_tf.agents.bandits.conversational.bandits import (
    ConLinUCB,
    ConUCB,
    LinUCB,
    periodic_questions,
    random_arms,
)

__all__ = [
    "ConLinUCB",
    "ConUCB",
    "KeyTermBandit",
    "LinUCB",
    "periodic_questions",
    "random_arms",
]
