# SPDX-License-Identifier: Apache-2.0
"""Choice models as TFP distributions: the choice of one position of a slate or of none, clicks and
purchases on several positions, and replies of several kinds.
"""

from recsim_tf.choice import affinity
from recsim_tf.choice.alternatives import Alphabet, Alternatives
from recsim_tf.choice.base import ChoiceDistribution, ChoiceModel
from recsim_tf.choice.browsing import IndependentClicks, PositionBased, UserBrowsing
from recsim_tf.choice.cascade import CascadeChoice, ExponentialCascade, ProportionalCascade
from recsim_tf.choice.cascade_distribution import CascadeDistribution, ClicksAndPurchases
from recsim_tf.choice.clicks import ClickDistribution, ClickModel
from recsim_tf.choice.engagement import ChoiceAndEngagement, with_engagement
from recsim_tf.choice.multinomial import MultinomialLogit, MultinomialProportional
from recsim_tf.choice.multiple_clicks import (
    ClickChain,
    DependentClicks,
    DynamicBayesian,
    MultipleClickCascade,
)
from recsim_tf.choice.plackett_luce import PlackettLuce

__all__ = [
    "Alphabet",
    "Alternatives",
    "CascadeChoice",
    "CascadeDistribution",
    "ChoiceAndEngagement",
    "ChoiceDistribution",
    "ChoiceModel",
    "ClickChain",
    "ClickDistribution",
    "ClickModel",
    "ClicksAndPurchases",
    "DependentClicks",
    "DynamicBayesian",
    "ExponentialCascade",
    "IndependentClicks",
    "MultinomialLogit",
    "MultinomialProportional",
    "MultipleClickCascade",
    "PlackettLuce",
    "PositionBased",
    "ProportionalCascade",
    "UserBrowsing",
    "affinity",
    "with_engagement",
]
