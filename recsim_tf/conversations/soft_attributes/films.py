"""Synthetic films around topics, and films as candidates."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random, validation
from recsim_tf.core.bounds import Bounds
from recsim_tf.core.distributions import candidate_ids
from recsim_tf.core.models import DocumentModel
from recsim_tf.core.ranges import Range
from recsim_tf.core.types import Nest


class Catalogue(NamedTuple):
    """What D films are like, which belong to T topics."""

    topics: np.ndarray  # float32 [T, F], the mean factors of each topic, in [0, 1]
    factors: np.ndarray  # float32 [D, F], in [0, 1]
    popularity: np.ndarray  # float32 [D], in [0, 1]


def catalogue(
    seed: int,
    num_films: int = 1000,
    num_factors: int = 45,
    num_topics: int = 10,
    film_scale: float = 0.5,
) -> Catalogue:
    """Films as in RecSim NG 0.1.2's `SoftAttributeCorpus`: the factors of a film are normal around
    those of a topic and clipped to [0, 1], topics and popularities are uniform.

    Args:
      seed: an integer.
      num_films: D.
      num_factors: F.
      num_topics: T, equally likely.
      film_scale: standard deviation of each factor around its topic's.

    Raises:
      ValueError: for a number out of range.
    """
    random.as_seed(seed)
    validation.check_count(num_films=num_films, num_factors=num_factors, num_topics=num_topics)
    Range(low=0).check_number("film_scale", film_scale)
    generator = np.random.default_rng(seed)
    topics = generator.uniform(size=(num_topics, num_factors))
    means = topics[generator.integers(num_topics, size=num_films)]
    noise = generator.standard_normal(means.shape)
    factors = np.clip(means + film_scale * noise, 0, 1)
    popularity = generator.uniform(size=num_films)
    return Catalogue(*(table.astype(np.float32) for table in (topics, factors, popularity)))


class Films(DocumentModel):
    """D films that all raters share, all different in a slate's candidates; a document is its id,
    int32. What they are like is a parameter of the raters, who are fitted. Where there are as many
    candidates as films, all films are candidates, in the order of their ids.

    Args:
      num_films: D.
    """

    num_films: int = 300

    def check(self):
        validation.check_count(num_films=self.num_films)

    def candidates(self, num_users: int, num_candidates: int, corpus: Nest, user: Nest):
        if num_candidates == self.num_films:
            ids = tf.tile(tf.range(self.num_films)[tf.newaxis], [num_users, 1])
            return tfd.Independent(tfd.Deterministic(ids), 1)
        return candidate_ids(
            self.num_films, num_users, num_candidates, replacement=False, dtype=self.dtype
        )

    def observe(self, documents: Nest):
        return documents

    def observation_bounds(self):
        return Bounds(0, self.num_films - 1)
