"""Soft attributes: raters who say which films have more of an attribute than another film, made to
be fitted to their judgements; users who rate and tag films, as synthetic data; and the concept
vectors that are found in tags.
"""

from recsim_tf.conversations.soft_attributes.concepts import ConceptVectors, concept_vectors
from recsim_tf.conversations.soft_attributes.films import Catalogue, Films, catalogue
from recsim_tf.conversations.soft_attributes.raters import (
    ABOUT,
    LESS,
    MORE,
    AttributeRaters,
    InitialDraw,
    Judgement,
    Response,
    soft_attributes,
)
from recsim_tf.conversations.soft_attributes.taggers import (
    RatingDraws,
    RatingsAndTags,
    TaggerDraws,
    TaggingUsers,
    num_ratings_reward,
    ratings_and_tags,
)

__all__ = [
    "ABOUT",
    "LESS",
    "MORE",
    "AttributeRaters",
    "Catalogue",
    "ConceptVectors",
    "Films",
    "InitialDraw",
    "Judgement",
    "RatingDraws",
    "RatingsAndTags",
    "Response",
    "TaggerDraws",
    "TaggingUsers",
    "catalogue",
    "concept_vectors",
    "num_ratings_reward",
    "ratings_and_tags",
    "soft_attributes",
]
