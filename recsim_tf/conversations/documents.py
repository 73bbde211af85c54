# SPDX-License-Identifier: Apache-2.0
"""Items of conversations: a shared catalogue with biases and factors, whose candidates follow the
users' refinements; and their attributes.

Attributes are directions in the space of factors. The degree of an attribute in an item is the
inner product of its factors and the attribute's direction, as in concept activation vectors
(Göpfert et al. 2022, arXiv 2202.02830). Users understand a soft attribute in different senses, each
with its own direction. The directions of an observed attribute are equal.
"""

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.conversations.types import Item
from recsim_tf.core import nests, random
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import Count
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Nest
from recsim_tf.core.distributions import candidate_ids
from recsim_tf.core.models.models import DocumentModel

# The least popularity of an item, above the numbers that float32 rounds to 0.
_LEAST_POPULARITY = 1e-30


class Items(DocumentModel):
    """D items that all users share.

    Candidates are drawn without replacement, with probabilities in proportion to
    exp(refinement * sum_a n_a * degree_a). Here n_a is the number of times that the user has asked
    for more of attribute a, and degree_a is the degree of the attribute in the item, averaged over
    its senses. If there are as many candidates as items, all items are candidates, in the order of
    their ids.

    Args:
      num_items: number of items D.
      num_factors: number of factors F.
      bias: [D], or a number for all items.
      factors: [D, F]; None draws them from Normal(0, 1 / F) with `seed`, of length about 1.
      directions: [A, S, F], the users' directions of attributes in each sense; None for items that
        do not follow refinements.
      refinement: the logit of a refinement for each unit of an item's degree. It has a gradient
        through the `documents` part of `log_prob`.
      seed: the seed of `factors`, an integer.
    """

    num_items: Count = 100
    num_factors: Count = 10
    bias: Any = parameter(0.0, rank=1)
    factors: Any = parameter(
        rank=2,
        drawn=lambda items: (
            np.random.default_rng(items.seed).standard_normal((items.num_items, items.num_factors))
            / np.sqrt(items.num_factors)
        ),
    )
    directions: Any = parameter(None, rank=3)
    refinement: Any = parameter(2.0)
    seed: int = 0

    def check(self):
        axes = {"num_items": self.num_items, "num_factors": self.num_factors}
        random.as_seed(self.seed)
        validation.check_table("factors", self.factors, **axes)
        validation.check_table("bias", self.bias, or_number=True, num_items=self.num_items)
        if self.directions is not None:
            shape = validation.table_shape("directions", self.directions)
            if shape.rank not in (3, 4) or shape[-1] != self.num_factors:
                raise ValueError(
                    f"directions must have shape [A, S, num_factors={self.num_factors}], got"
                    f" {shape}"
                )

    def candidates(self, num_users: int, num_candidates: int, corpus: Nest, user: Nest):
        if num_candidates == self.num_items:
            ids = tf.tile(tf.range(self.num_items)[tf.newaxis], [num_users, 1])
            return tfd.Independent(tfd.Deterministic(ids), 1)
        popularity = None
        if self.directions is not None:
            directions = tf.cast(tf.convert_to_tensor(self.directions), self.dtype)
            means = tf.reduce_mean(directions, axis=-2)
            factors = tf.cast(tf.convert_to_tensor(self.factors), self.dtype)
            wanted = tf.linalg.matvec(means, user.refinements, transpose_a=True)
            if factors.shape.rank == 3:  # Factors differ between users.
                degrees = tf.linalg.matvec(factors, wanted)
            else:
                degrees = tf.matmul(wanted, factors, transpose_b=True)
            popularity = tf.nn.softmax(self.per_user("refinement", 2) * degrees)
            # An item that a large refinement makes unlikely can still be a later candidate.
            popularity = tf.maximum(popularity, _LEAST_POPULARITY)
        return candidate_ids(
            self.num_items, num_users, num_candidates, popularity, False, self.dtype
        )

    def describe(self, draw: tf.Tensor, corpus: Nest):
        return Item(
            item_id=draw,
            bias=self.entries("bias", draw, [self.num_items]),
            factors=self.entries("factors", draw, [self.num_items, self.num_factors]),
        )

    def observe(self, documents: Item):
        return documents

    def observation_bounds(self):
        return Item(item_id=Bounds(0, self.num_items - 1), bias=Bounds(), factors=Bounds())


def random_directions(
    num_attributes: int, num_senses: int, num_factors: int, seed: int
) -> np.ndarray:
    """Directions drawn uniformly from the unit sphere, float32 [A, S, F]."""
    draws = np.random.default_rng(seed).standard_normal((num_attributes, num_senses, num_factors))
    return (draws / np.linalg.norm(draws, axis=-1, keepdims=True)).astype(np.float32)


def degrees(directions: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """The degree of each attribute, in each sense, in items or tastes.

    Args:
      directions: [A, S, F], or [B, A, S, F].
      factors: factors of items or tastes, [B, F].

    Returns:
      The degrees, [B, A, S].
    """
    if directions.shape.rank == 4:
        return tf.einsum("basf,bf->bas", directions, factors)
    num_attributes, num_senses, num_factors = directions.shape
    flat = tf.reshape(directions, [num_attributes * num_senses, num_factors])
    products = tf.matmul(factors, flat, transpose_b=True)
    return tf.reshape(products, [nests.num_rows(factors), num_attributes, num_senses])


def ideal(taste: tf.Tensor) -> tf.Tensor:
    """The factors [..., F] of ideal items, which are unit vectors along tastes [..., F]."""
    squared = tf.reduce_sum(taste**2, axis=-1, keepdims=True)
    return taste / tf.sqrt(tf.maximum(squared, 1e-12))


def in_sense(values: tf.Tensor, senses: tf.Tensor) -> tf.Tensor:
    """The values [B, A] in the senses int32 [B, A] of each user, from values [B, A, S]."""
    num_senses = values.shape[-1]
    if num_senses == 1:
        return values[..., 0]
    return tf.reduce_sum(tf.one_hot(senses, num_senses, dtype=values.dtype) * values, axis=-1)
