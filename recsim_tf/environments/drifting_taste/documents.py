"""A shared catalogue of items with a bias and factors, as in matrix factorisation."""

from typing import Any, NamedTuple

import gin
import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base import validation
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.ranges import known_numbers
from recsim_tf.core.base.types import Nest
from recsim_tf.core.distributions import candidate_ids
from recsim_tf.core.models.models import DocumentModel


class Item(NamedTuple):
    """Items; leading axes [B, N] or [B, K]."""

    item_id: tf.Tensor  # int32 [...], in [0, D)
    bias: tf.Tensor  # [...], the part of the score that is the same for all users
    factors: tf.Tensor  # [..., F], the factors that a taste is multiplied with
    pull: tf.Tensor  # [..., F], the direction in which a choice of the item moves the taste


@gin.configurable
class Catalogue(DocumentModel):
    """D items that all users share. Candidates are drawn from them, by default uniformly with
    replacement.

    All three tables may be arrays, tensors or variables, and have gradients through the `response`
    part of `log_prob`. With `pull=None` the pulls are the factors, so a choice moves the taste
    towards the item. A separate table of pulls can also learn the items that are usually chosen
    next.

    Args:
      num_items: D.
      num_factors: F.
      bias: [D], or a number for all items.
      factors: [D, F]; None draws them from Normal(0, 1) with `seed`.
      pull: [D, F]; None for `factors`.
      seed: the seed of `factors`, an integer.
      popularity: [D], non-negative: the probability that an item is a candidate is in proportion to
        its popularity. It has a gradient through the `documents` part of `log_prob`. None for
        equally likely items.
      replacement: whether an item may be drawn twice among the candidates of a user and step.
      ids_only: whether agents see the candidates as ids alone, int32 [B, N] in [0, D), instead of
        `Item`s. Agents then look the tables up themselves, and features are gathered for shown
        items only, [B, K, F] instead of [B, N, F].

    Raises:
      ValueError: if a number is out of range or a shape is wrong; when candidates are drawn without
        replacement, if they are more than the items.
    """

    num_items: int = 1000
    num_factors: int = 16
    bias: Any = parameter(0.0, rank=1)
    factors: Any = parameter(
        rank=2,
        drawn=lambda items: np.random.default_rng(items.seed).standard_normal(
            (items.num_items, items.num_factors)
        ),
    )
    pull: Any = parameter(None, rank=2)
    popularity: Any = parameter(None, rank=1, low=0)
    replacement: bool = True
    seed: int = 0
    ids_only: bool = False

    def check(self):
        axes = {"num_items": self.num_items, "num_factors": self.num_factors}
        validation.check_count(**axes)
        random.as_seed(self.seed)
        validation.check_table("factors", self.factors, **axes)
        if self.pull is not None:
            validation.check_table("pull", self.pull, **axes)
        validation.check_table("bias", self.bias, or_number=True, num_items=self.num_items)
        if self.popularity is not None:
            validation.check_table("popularity", self.popularity, num_items=self.num_items)
            popularity = known_numbers("popularity", self.popularity)
            if popularity is not None and not popularity.any(axis=-1).all():
                raise ValueError("popularity must be positive for some item, got only zeros")

    def candidates(self, num_users: int, num_candidates: int, corpus: Nest, user: Nest):
        return candidate_ids(
            self.num_items, num_users, num_candidates, self.popularity, self.replacement, self.dtype
        )

    def describe(self, draw: tf.Tensor, corpus: Nest):
        return draw if self.ids_only else self._items(draw)

    def show(self, documents: Nest, hidden: Nest):
        return self._items(documents) if self.ids_only else documents

    def observe(self, documents: Nest):
        return documents

    def observation_bounds(self):
        ids = Bounds(0, self.num_items - 1)
        if self.ids_only:
            return ids
        return Item(item_id=ids, bias=Bounds(), factors=Bounds(), pull=Bounds())

    def _items(self, draw: tf.Tensor) -> Item:
        shape = [self.num_items, self.num_factors]
        factors = self.entries("factors", draw, shape)
        return Item(
            item_id=draw,
            bias=self.entries("bias", draw, shape[:1]),
            factors=factors,
            pull=factors if self.pull is None else self.entries("pull", draw, shape),
        )
