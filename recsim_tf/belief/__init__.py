# SPDX-License-Identifier: Apache-2.0
"""Beliefs of agents about users, and the values of turns under a belief.

The user model that is simulated and scored is also the likelihood of the belief.
"""

from recsim_tf.belief.base import Belief, TypesBelief
from recsim_tf.belief.gaussian import GaussianBelief
from recsim_tf.belief.value import (
    evoi,
    expected_max,
    expected_utility,
    information_gain,
    predictive_entropy,
    recommendation_set,
)

__all__ = [
    "Belief",
    "GaussianBelief",
    "TypesBelief",
    "evoi",
    "expected_max",
    "expected_utility",
    "information_gain",
    "predictive_entropy",
    "recommendation_set",
]
