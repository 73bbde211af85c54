"""Soft attributes of films: a model of raters who compare films in an attribute, which is fitted to
their judgements; users who rate and tag films, as synthetic data; and concept vectors, which are
fitted to tags.
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
