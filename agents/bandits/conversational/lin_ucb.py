"""LinUCB, which asks nothing."""

from typing import Any

import gin
import tensorflow as tf

from recsim_tf.agents.bandits.conversational.bandit import KeyTermBandit
from recsim_tf.agents.bandits.conversational.ridge import Ridge, squared_norms
from recsim_tf.core.parameters import parameter


class OneRidgeBandit(KeyTermBandit):
    """A bandit with one ridge regression for all feedback of a user, who scores arms by the upper
    confidence bound x theta + alpha |x|_{V^-1}.

    Args:
      simulator: see `KeyTermBandit`.
      ridge: V without an observation is ridge I.
      alpha: factor of the confidence radius.
    """

    ridge: Any = parameter(1.0, above=0)
    alpha: Any = parameter(0.5, low=0)

    def initial_belief(self, num_users):
        ridge = self.per_user("ridge", 3, self._dtype)
        return Ridge.prior(num_users, self._num_features, ridge, self._dtype)

    def learn(self, belief, feedback):
        return belief.observe(feedback.features, feedback.liked, tf.ones_like(feedback.liked))

    def arm_scores(self, belief, arms):
        width = tf.sqrt(squared_norms(arms, belief.inverse))
        alpha = self.per_user("alpha", 2, self._dtype)
        return tf.linalg.matvec(arms, belief.mean()) + alpha * width


@gin.configurable(module="recsim_tf.agents")
class LinUCB(OneRidgeBandit):
    """LinUCB with a model of each user (Li et al. 2010, arXiv 1003.0146; one model for all arms).

    Args:
      simulator: key terms with slates of one item.
      ridge: lambda, the prior precision of a taste; 1 by the authors of ConUCB.
      alpha: factor of the confidence radius; 0.5 by the same.

    Raises:
      ValueError: for another environment, or a number out of range.
    """
