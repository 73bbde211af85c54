# SPDX-License-Identifier: Apache-2.0
"""Contextual bandits that ask questions, for the key-terms environment. They show arms, and in some
rounds ask whether the user likes a key-term.

TF-Agents' `LinearUCBAgent` learns a single model from all users, in variables. These policies learn
a model of each user from the user's own session, in the policy state, as in the papers.
"""

from recsim_tf.agents.bandits.conversational.bandit import (
    KeyTermBandit,
    logarithmic_questions,
    random_arms,
)
from recsim_tf.agents.bandits.conversational.ridge_bandits import ConLinUCB, ConUCB, LinUCB

__all__ = ["ConLinUCB", "ConUCB", "KeyTermBandit", "LinUCB", "logarithmic_questions", "random_arms"]
