"""Choice models: which position of a slate a user chooses, or none, as TFP distributions."""

from recsim_tf.choice.base import ChoiceDistribution, ChoiceModel
from recsim_tf.choice.cascade import CascadeChoice, ExponentialCascade, ProportionalCascade
from recsim_tf.choice.multinomial import MultinomialLogit, MultinomialProportional
from recsim_tf.choice.position_bias import PositionBiasedProportional

__all__ = [
    "CascadeChoice",
    "ChoiceDistribution",
    "ChoiceModel",
    "ExponentialCascade",
    "MultinomialLogit",
    "MultinomialProportional",
    "PositionBiasedProportional",
    "ProportionalCascade",
]
