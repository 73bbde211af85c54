"""Items of a page: a shared catalogue with effects of its items and of their features on clicks."""

from typing import NamedTuple

import gin
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import validation
from recsim_tf.core.bounds import Bounds
from recsim_tf.core.distributions import UniformCategories
from recsim_tf.core.models import DocumentModel, per_user
from recsim_tf.environments.page_clicks.effects import summed_effects


class Item(NamedTuple):
    """Items; leading axes [B, N] or [B, K]."""

    item_id: tf.Tensor  # int32 [...], in [0, D)
    categories: tf.Tensor  # int32 [..., G]
    numeric: tf.Tensor  # [...]
    appeal: tf.Tensor  # [...], hidden: what the item adds to the logit of a click


class ObservedItem(NamedTuple):
    """What agents see of items [B, N]."""

    item_id: tf.Tensor
    categories: tf.Tensor
    numeric: tf.Tensor


class ShownItem(NamedTuple):
    """Items [B, K] as the user meets them."""

    item: Item
    affinity: tf.Tensor  # int32 [B, K], the user's past clicks on the item


@gin.configurable
class PageItems(DocumentModel):
    """D items that all users share; candidates are drawn uniformly with replacement.

    The appeal of an item is item_effect[d] + the effects of its categories + numeric_effect *
    numeric[d]. How often the user has clicked on it before, the affinity, is hidden until it is
    shown, and drawn for each item shown from `affinity_probs`.

    The effects may be numbers, tables, tensors or variables, also with a leading axis [B], and have
    gradients through the `response` part of `log_prob`; `affinity_probs` through its `documents`
    part.

    Args:
      num_items: D.
      item_effect: [D], or a number for all items; None draws them from Normal(0, `item_scale`) with
        `seed`.
      item_scale: 0.3 is the scale of items' effects in the random logs of Open Bandit, see
        `benchmarks/fits/open_bandit.py`.
      categories: whole numbers [D, G], the category of each item by each of G classifications, in
        [0, C); None for G = 0.
      category_effect: [G, C], or a number for all.
      numeric: [D], a feature of the items; None for zeros.
      numeric_effect: the effect of a unit of it.
      affinity_probs: [A + 1], probabilities of affinities from 0 to A; by default those of Open
        Bandit's random logs.
      seed: of `item_effect`, an integer.
      dtype: tf.float32 or tf.float64.

    Raises:
      ValueError: if a number is out of range, a shape is wrong, or probabilities are numbers that
        do not sum to one.
    """

    def __init__(
        self,
        num_items: int = 80,
        item_effect=None,
        item_scale: float = 0.3,
        categories=None,
        category_effect=0.0,
        numeric=None,
        numeric_effect=0.0,
        affinity_probs=(0.9986, 0.0013, 0.0001),
        seed: int = 0,
        dtype: tf.DType = tf.float32,
        name: str = "PageItems",
    ):
        super().__init__(name=name)
        if num_items < 1:
            raise ValueError(f"num_items must be at least 1, got {num_items}")
        self.num_items = num_items
        self.dtype = tf.as_dtype(dtype)
        floats = self.dtype.as_numpy_dtype
        if item_effect is None:
            item_effect = (
                np.random.default_rng(seed).normal(0.0, item_scale, num_items).astype(floats)
            )
        self.categories = (
            np.zeros([num_items, 0], np.int32) if categories is None else np.asarray(categories)
        )
        self.numeric = (
            np.zeros(num_items, floats) if numeric is None else np.asarray(numeric, floats)
        )
        if (
            self.categories.ndim != 2
            or len(self.categories) != num_items
            or not np.issubdtype(self.categories.dtype, np.integer)
        ):
            shape = f"{self.categories.dtype} {list(self.categories.shape)}"
            raise ValueError(
                f"categories must be whole numbers of shape [num_items={num_items}, G], got {shape}"
            )
        if self.numeric.shape != (num_items,):
            raise ValueError(
                f"numeric must have shape [num_items={num_items}], got {list(self.numeric.shape)}"
            )
        if tf.convert_to_tensor(item_effect).shape.rank:
            validation.check_table("item_effect", item_effect, num_items=num_items)
        self.num_categories = int(self.categories.max(initial=-1)) + 1
        if self.categories.min(initial=0) < 0:
            raise ValueError(f"categories must be at least 0, got {self.categories.min()}")
        if tf.convert_to_tensor(category_effect).shape.rank:
            num_effects = validation.table_length("category_effect", category_effect)
            validation.check_table(
                "category_effect",
                category_effect,
                classifications=self.categories.shape[1],
                categories=num_effects,
            )
            if num_effects < self.num_categories:
                raise ValueError(
                    f"category_effect must have an effect for each of {self.num_categories}"
                    f" categories, got {num_effects}"
                )
        self.max_affinity = validation.table_length("affinity_probs", affinity_probs) - 1
        validation.check_table("affinity_probs", affinity_probs, affinities=self.max_affinity + 1)
        validation.check_probabilities("affinity_probs", affinity_probs)
        self.item_effect = item_effect
        self.category_effect = category_effect
        self.numeric_effect = numeric_effect
        self.affinity_probs = affinity_probs

    def candidates(self, num_users, num_candidates, corpus, user):
        del corpus, user
        return tfd.Independent(
            UniformCategories(self.num_items, [num_users, num_candidates], self.dtype), 1
        )

    def describe(self, draw, corpus):
        del corpus
        categories = tf.gather(tf.constant(self.categories, tf.int32), draw)
        numeric = tf.gather(tf.constant(self.numeric), draw)
        appeal = (
            self._item_effects(draw)
            + summed_effects(self.category_effect, categories, self.dtype)
            + per_user(self.numeric_effect, 2, self.dtype) * numeric
        )
        return Item(item_id=draw, categories=categories, numeric=numeric, appeal=appeal)

    def reveal(self, documents):
        shape = [*documents.item_id.shape, self.max_affinity + 1]
        probs = tf.broadcast_to(per_user(self.affinity_probs, 3, self.dtype, table_rank=1), shape)
        return tfd.Independent(tfd.Categorical(probs=probs), 1)

    def show(self, documents, hidden):
        return ShownItem(item=documents, affinity=hidden)

    def observe(self, documents):
        return ObservedItem(documents.item_id, documents.categories, documents.numeric)

    def observation_bounds(self):
        categories = Bounds(0, max(self.num_categories - 1, 0))
        return ObservedItem(
            item_id=Bounds(0, self.num_items - 1), categories=categories, numeric=Bounds()
        )

    def _item_effects(self, item_id):
        table = tf.cast(tf.convert_to_tensor(self.item_effect, dtype_hint=self.dtype), self.dtype)
        # One classification, whose categories are the items.
        table = table[..., tf.newaxis, :] if table.shape.rank else table
        return summed_effects(table, item_id[..., tf.newaxis], self.dtype)
