"""Soft attributes: raters who say which films have more of an attribute than another film. Made to
be fitted to their judgements.
"""

from recsim_tf.environments.soft_attributes.environment import soft_attributes
from recsim_tf.environments.soft_attributes.films import Films
from recsim_tf.environments.soft_attributes.raters import (
    ABOUT,
    LESS,
    MORE,
    AttributeRaters,
    InitialDraw,
    Judgement,
    Response,
)

__all__ = [
    "ABOUT",
    "LESS",
    "MORE",
    "AttributeRaters",
    "Films",
    "InitialDraw",
    "Judgement",
    "Response",
    "soft_attributes",
]
