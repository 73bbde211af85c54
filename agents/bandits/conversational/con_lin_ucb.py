"""ConLinUCB, which learns from arms and key-terms alike."""

from typing import Any

import gin

from recsim_tf.agents.bandits.conversational.lin_ucb import OneRidgeBandit
from recsim_tf.agents.bandits.conversational.questions import Questions, logarithmic_questions
from recsim_tf.agents.bandits.conversational.ridge import squared_norms
from recsim_tf.core.parameters import parameter


@gin.configurable(module="recsim_tf.agents")
class ConLinUCB(OneRidgeBandit):
    """ConLinUCB-MCR (Wang et al. 2023, arXiv 2303.00315): one ridge regression of the feedback to
    arms and to key-terms; it asks for the key-term of the largest confidence radius |k|_{V^-1}.

    Defaults are those of the authors' code (github.com/ZhiyongWangWzy/ConLinUCB).

    Args:
      simulator: key terms with slates of one item.
      ridge: lambda.
      alpha: factor of the confidence radius.
      questions: b, see `KeyTermBandit`; None asks nothing.

    Raises:
      ValueError: for another environment, or a number out of range.
    """

    ridge: Any = parameter(0.1, above=0)
    alpha: Any = parameter(0.1, low=0)
    questions: Questions | None = logarithmic_questions

    def schedule(self):
        return self.questions

    def key_term_scores(self, belief, arms, key_terms):
        del arms
        return squared_norms(key_terms, belief.inverse)
