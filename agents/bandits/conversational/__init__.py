"""Contextual bandits that ask: they show arms, and now and then ask whether the user likes a
key-term. Policies with a state for each user, for the key-terms environment.

TF-Agents' `LinearUCBAgent` learns one model from all users, in variables. These learn a model of
each user from the user's own session, in the policy state, as the papers do.
"""

from recsim_tf.agents.bandits.conversational.bandit import (
    BanditState,
    Feedback,
    KeyTermBandit,
    random_arms,
)
from recsim_tf.agents.bandits.conversational.con_lin_ucb import ConLinUCB
from recsim_tf.agents.bandits.conversational.con_ucb import ConUCB, ConUCBBelief
from recsim_tf.agents.bandits.conversational.lin_ucb import LinUCB
from recsim_tf.agents.bandits.conversational.questions import (
    logarithmic_questions,
    periodic_questions,
)
from recsim_tf.agents.bandits.conversational.ridge import Ridge

__all__ = [
    "BanditState",
    "ConLinUCB",
    "ConUCB",
    "ConUCBBelief",
    "Feedback",
    "KeyTermBandit",
    "LinUCB",
    "Ridge",
    "logarithmic_questions",
    "periodic_questions",
    "random_arms",
]
