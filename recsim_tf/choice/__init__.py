"""Choice models: TFP distributions over which slate position a user chooses, or none."""

from recsim_tf.choice.cascade import CascadeChoice, ExponentialCascade, ProportionalCascade
from recsim_tf.choice.distribution import ChoiceDistribution
from recsim_tf.choice.multinomial import MultinomialLogit, MultinomialProportional

__all__ = [
    "CascadeChoice",
    "ChoiceDistribution",
    "ExponentialCascade",
    "MultinomialLogit",
    "MultinomialProportional",
    "ProportionalCascade",
]
