"""Soft attributes: raters who say which films have more of an attribute than another film, made to
be fitted to their judgements; users who rate and tag films, as synthetic data; and the concept
vectors that are found in tags.
"""

from recsim_tf.conversations.soft_attributes.concepts import concept_vectors
from recsim_tf.conversations.soft_attributes.raters import (
    AttributeRaters,
    Judgement,
    soft_attributes,
)
from recsim_tf.conversations.soft_attributes.taggers import TaggingUsers, ratings_and_tags

__all__ = [
    "AttributeRaters",
    "Judgement",
    "TaggingUsers",
    "concept_vectors",
    "ratings_and_tags",
    "soft_attributes",
]
