"""Choice models: TFP distributions over which slate position a user chooses, or none."""

from recsim_tf.choice.base import ChoiceDistribution, users_choice
from recsim_tf.choice.cascade import CascadeChoice, ExponentialCascade, ProportionalCascade
from recsim_tf.choice.multinomial import MultinomialLogit, MultinomialProportional
from recsim_tf.choice.position_bias import PositionBiasedProportional

__all__ = [
    "CascadeChoice",
    "ChoiceDistribution",
    "ExponentialCascade",
    "MultinomialLogit",
    "MultinomialProportional",
    "PositionBiasedProportional",
    "ProportionalCascade",
    "users_choice",
]
