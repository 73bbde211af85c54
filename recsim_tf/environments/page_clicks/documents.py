# SPDX-License-Identifier: Apache-2.0
"""Items of a page: a shared catalogue with effects of its items and of their features on clicks."""

import functools
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests, random
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import Count, configurable
from recsim_tf.core.base.bounds import Bounds
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.ranges import Range
from recsim_tf.core.base.types import Nest
from recsim_tf.core.distributions import uniform_ids
from recsim_tf.core.models.models import DocumentModel

# The scale of the effects of items in the random logs of Open Bandit, as fitted by
# benchmarks/fits/open_bandit.py of commit cb750431.
_ITEM_SCALE = 0.3


class Item(NamedTuple):
    """Items; leading axes [B, N] or [B, K]."""

    item_id: tf.Tensor  # int32 [...], in [0, D)
    categories: tf.Tensor  # int32 [..., G]
    numeric: tf.Tensor  # [...]
    appeal: tf.Tensor  # [...], hidden: the part of the item in the logit of a click
    # [...], hidden: the logit of being satisfied after a click; () if items have no such logit
    satisfaction: Nest = ()


class ObservedItem(NamedTuple):
    """The observed fields of items, [B, N]."""

    item_id: tf.Tensor
    categories: tf.Tensor
    numeric: tf.Tensor


class ShownItem(NamedTuple):
    """Items [B, K] as the user meets them."""

    item: Item
    affinity: tf.Tensor  # int32 [B, K], the number of past clicks of the user on the item


@configurable
class PageItems(DocumentModel):
    """D items that all users share. Candidates are drawn uniformly with replacement.

    The appeal of an item is item_effect[d] + the effects of its categories + numeric_effect *
    numeric[d]. The affinity is the number of the user's earlier clicks on the item. It is hidden
    until the item is shown, and drawn for each item shown from `affinity_probs`.

    The effects may be numbers, tables, tensors or variables, also with a leading axis [B]. They
    have gradients through the `response` part of `log_prob`, and `affinity_probs` through its
    `documents` part.

    Args:
      num_items: D.
      item_effect: [D], or a number for all items; None draws them from Normal(0, 0.3) with `seed`.
      categories: whole numbers [D, G], the category of each item by each of G classifications, in
        [0, C); None for G = 0.
      category_effect: [G, C], or a number for all categories.
      numeric: [D], a feature of the items; None for zeros.
      numeric_effect: the effect of a unit of `numeric`.
      satisfaction: [D], or a number for all items: the logit that a click on the item satisfies,
        for click models that use it; None for other click models.
      affinity_probs: [A + 1], the probabilities of affinities from 0 to A; by default as in Open
        Bandit's random logs.
      seed: the seed of `item_effect`, an integer.

    Raises:
      ValueError: if a number is out of range, a shape is wrong, or probabilities are numbers that
        do not sum to one.
    """

    num_items: Count = 80
    item_effect: Any = parameter(
        rank=1,
        drawn=lambda items: (
            _ITEM_SCALE * np.random.default_rng(items.seed).standard_normal(items.num_items)
        ),
    )
    categories: Any = None
    category_effect: Any = parameter(0.0, rank=2)
    numeric: Any = None
    numeric_effect: Any = parameter(0.0)
    satisfaction: Any = parameter(None, rank=1)
    affinity_probs: Any = parameter((0.9986, 0.0013, 0.0001), rank=1, are_probabilities=True)
    seed: int = 0

    @property
    def num_kinds(self):
        return self.num_items

    def check(self):
        num_items = self.num_items
        random.as_seed(self.seed)
        for name in ("categories", "numeric"):
            if self._value(name) is not None:
                Range().check(name, self._value(name))
        categories, numeric = self.category_table, self.numeric_table
        if (
            categories.ndim != 2
            or len(categories) != num_items
            or not np.issubdtype(categories.dtype, np.integer)
        ):
            shape = f"{categories.dtype} {list(categories.shape)}"
            raise ValueError(
                f"categories must be whole numbers of shape [num_items={num_items}, G], got {shape}"
            )
        if numeric.shape != (num_items,):
            raise ValueError(
                f"numeric must have shape [num_items={num_items}], got {list(numeric.shape)}"
            )
        for name in ("item_effect", "satisfaction"):
            if self._value(name) is not None:
                table = self._value(name)
                validation.check_table(name, table, or_number=True, num_items=num_items)
        if categories.min(initial=0) < 0:
            raise ValueError(f"categories must be at least 0, got {categories.min()}")
        num_categories = self.num_categories
        effects_shape = validation.table_shape("category_effect", self.category_effect)
        if effects_shape.rank:
            num_effects = effects_shape[-1]
            validation.check_table(
                "category_effect",
                self.category_effect,
                classifications=categories.shape[1],
                categories=num_effects,
            )
            if effects_shape[-2:] != [1, 1] and num_effects < num_categories:
                raise ValueError(
                    f"category_effect must have an effect for each of {num_categories} categories,"
                    f" got {num_effects}"
                )
        affinities = {"affinities": self.max_affinity + 1}
        validation.check_table("affinity_probs", self.affinity_probs, **affinities)

    @functools.cached_property
    def category_table(self) -> np.ndarray:
        """The categories of the items, integers [D, G]."""
        given = self.categories
        return np.zeros([self.num_items, 0], np.int32) if given is None else np.asarray(given)

    @functools.cached_property
    def numeric_table(self) -> np.ndarray:
        """The numeric feature of the items, [D], in the model's dtype."""
        given = self.numeric
        if given is None:
            # This takes the memory of one number, since a table of zeros may be large.
            given = np.broadcast_to(self.dtype.as_numpy_dtype(0), [self.num_items])
        return np.asarray(given, self.dtype.as_numpy_dtype)

    @property
    def num_categories(self) -> int:
        """The number C of categories of the largest classification; 0 without classifications."""
        return int(self.category_table.max(initial=-1)) + 1

    @property
    def max_affinity(self) -> int:
        """The largest affinity, A."""
        return validation.table_length("affinity_probs", self.affinity_probs) - 1

    def candidates(self, num_users: int, num_candidates: int, corpus: Nest, user: Nest):
        return uniform_ids(self.num_items, num_users, num_candidates, self.dtype)

    def describe(self, draw: tf.Tensor, corpus: Nest):
        categories = tf.gather(tf.constant(self.category_table, tf.int32), draw)
        numeric = tf.gather(tf.constant(self.numeric_table), draw)
        appeal = (
            self.entries("item_effect", draw, [self.num_items])
            + summed_effects(self.category_effect, categories, self.num_categories, self.dtype)
            + self.per_user("numeric_effect", 2) * numeric
        )
        satisfaction: Nest = ()
        if self.satisfaction is not None:
            satisfaction = self.entries("satisfaction", draw, [self.num_items])
        return Item(draw, categories, numeric, appeal, satisfaction)

    def reveal(self, documents: Item):
        shape = [*documents.item_id.shape, self.max_affinity + 1]
        probs = tf.broadcast_to(self.per_user("affinity_probs", 3), shape)
        return tfd.Independent(tfd.Categorical(probs=probs), 1)

    def show(self, documents: Item, hidden: tf.Tensor):
        return ShownItem(item=documents, affinity=hidden)

    def observe(self, documents: Item):
        return ObservedItem(documents.item_id, documents.categories, documents.numeric)

    def observation_bounds(self):
        categories = Bounds(0, max(self.num_categories - 1, 0))
        return ObservedItem(
            item_id=Bounds(0, self.num_items - 1), categories=categories, numeric=Bounds()
        )


def summed_effects(table: Any, codes: tf.Tensor, num_categories: int, dtype: tf.DType) -> tf.Tensor:
    """The sum over G classifications of the effects of their categories.

    Args:
      table: [G, C'], C' >= C, or [B, G, C'] with a table for each user; or a number, the effect of
        every category, or [B, 1, 1] with a number for each user.
      codes: int32 [B, ..., G], categories in [0, C).
      num_categories: C.
      dtype: the dtype of the result.

    Returns:
      [B, ...].
    """
    table = tf.cast(tf.convert_to_tensor(table, dtype_hint=dtype), dtype)
    num_classifications = codes.shape[-1]
    if not table.shape.rank:
        return tf.fill(codes.shape[:-1], table * num_classifications)
    width = max(table.shape[-1], num_categories)
    shape = [*table.shape[:-2], num_classifications, width]
    if table.shape != shape:
        table = tf.broadcast_to(table, shape)
    flat = tf.reshape(table, [*table.shape[:-2], num_classifications * width])
    positions = codes + tf.range(num_classifications) * width
    return tf.reduce_sum(nests.lookup(flat, positions, rank=1), axis=-1)
