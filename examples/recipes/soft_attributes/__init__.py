"""Soft attributes of films: a model of raters who compare films in an attribute, which is fitted to
their judgements; a reader of these judgements; users who rate and tag films, as synthetic data; and
concept vectors, which are fitted to tags.
"""

from recipes.soft_attributes.concepts import concept_vectors
from recipes.soft_attributes.judgements import read_soft_attributes, soft_attributes_log
from recipes.soft_attributes.raters import (
    AttributeRaters,
    Judgement,
    soft_attributes,
)
from recipes.soft_attributes.taggers import TaggingUsers, ratings_and_tags

__all__ = [
    "AttributeRaters",
    "Judgement",
    "TaggingUsers",
    "concept_vectors",
    "ratings_and_tags",
    "read_soft_attributes",
    "soft_attributes",
    "soft_attributes_log",
]
