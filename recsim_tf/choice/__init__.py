"""Choice models: TFP distributions over which slate position a user chooses, or none."""

from recsim_tf.choice.cascade import CascadeChoice, ExponentialCascade, ProportionalCascade
from recsim_tf.choice.distribution import ChoiceDistribution, users_choice
from recsim_tf.choice.multinomial import MultinomialLogit, MultinomialProportional

__all__ = [
    "CascadeChoice",
    "ChoiceDistribution",
    "ExponentialCascade",
    "MultinomialLogit",
    "MultinomialProportional",
    "ProportionalCascade",
    "users_choice",
]
