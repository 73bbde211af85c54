# SPDX-License-Identifier: Apache-2.0
"""Candidates from a catalogue that all users share."""

import math
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.base.arguments import Count, checked
from recsim_tf.core.base.types import Seed
from recsim_tf.core.distributions.categories import uniform_ids
from recsim_tf.core.distributions.custom import ShapedDistribution
from recsim_tf.core.random.paired import Shape

# Popularities become whole numbers with about this sum. The sums and differences of a draw are then
# exact, and no rounding can draw an item twice.
_TOTAL = 2**50
# Up to this number of comparisons take less time than the operations of a bisection.
_FEW = 2**14


@checked
def candidate_ids(
    num_items: Count,
    num_users: int,
    num_candidates: int,
    popularity: Any = None,
    replacement: bool = True,
    dtype: tf.DType = tf.float32,
) -> tfd.Distribution:
    """Candidates from a catalogue: ids int32 [B, N] in [0, D).

        def candidates(self, num_users, num_candidates, corpus, user):
            return candidate_ids(10_000, num_users, num_candidates, self.popularity, False)

    Args:
      num_items: D.
      num_users: B.
      num_candidates: N.
      popularity: float [D] or [B, D], non-negative: the probability of an item is in proportion to
        its popularity. None for equally likely items. It has a gradient through `log_prob`.
      replacement: whether an item may be drawn again for the same user. If not, N items with a
        positive popularity are needed, and draws are distributed as by `PlackettLuce` with the
        logarithms of the popularities as logits.
      dtype: the dtype of `log_prob`.

    Raises:
      ValueError: for more candidates than items without replacement, if the length of the
        popularity is not num_items, or, where it is known, if it is positive for fewer than N items
        without replacement.
    """
    if popularity is None and replacement:
        return uniform_ids(num_items, num_users, num_candidates, dtype)
    if popularity is None:
        popularity = tf.ones([num_items], dtype)
    return CatalogueIds(popularity, num_items, num_users, num_candidates, replacement, dtype)


class CatalogueIds(ShapedDistribution):
    """Ids int32 [N] of items that are drawn in sequence, in proportion to their popularity.

    A draw inverts the distribution function by bisection with log2(D) look-ups for each id. It
    takes 8 bytes of memory for each item, and some arrays [B, N], so a million items are no
    problem.

    Args:
      popularity, num_items, num_users, num_candidates, replacement, dtype: see `candidate_ids`.
    """

    def __init__(
        self,
        popularity: Any,
        num_items: int,
        num_users: int,
        num_candidates: int,
        replacement: bool = True,
        dtype: tf.DType = tf.float32,
    ):
        parameters = dict(locals())
        popularity = tf.convert_to_tensor(popularity, dtype_hint=dtype)
        if popularity.shape not in ([num_items], [num_users, num_items]):
            raise ValueError(
                f"popularity must have shape [num_items={num_items}], or one for each user, got"
                f" {popularity.shape}"
            )
        if not replacement and num_candidates > num_items:
            raise ValueError(
                f"num_candidates must be at most num_items={num_items} without replacement, got"
                f" {num_candidates}"
            )
        values = tf.get_static_value(popularity)
        if values is not None and not replacement:
            num_possible = int((num_items - np.count_nonzero(values <= 0, axis=-1)).min())
            if num_possible < num_candidates:
                raise ValueError(
                    f"popularity must be positive for at least num_candidates={num_candidates}"
                    f" items, got {num_possible}"
                )
        weights = tf.cast(popularity, tf.float64)
        self._probs = weights / tf.reduce_sum(weights, axis=-1, keepdims=True)
        self._num_items, self._length = num_items, num_candidates
        self._replacement, self._log_prob_dtype = replacement, dtype
        super().__init__(tf.int32, parameters, batch=[num_users])

    def _event_shape(self):
        return tf.TensorShape([self._length])

    def _log_prob(self, value: tf.Tensor):
        inside = (value >= 0) & (value < self._num_items)
        probs = _of(self._probs, tf.where(inside, value, 0))
        possible = inside & (probs > 0)
        left = tf.ones_like(probs)
        if not self._replacement:
            positions = tf.range(self._length)
            earlier = positions < positions[:, tf.newaxis]
            repeats = (value[..., tf.newaxis] == value[..., tf.newaxis, :]) & earlier
            possible &= ~tf.reduce_any(repeats, axis=-1)
            # The last of D items has the whole rest, up to rounding.
            left = tf.maximum(left - tf.cumsum(probs, axis=-1, exclusive=True), probs)
        possible = tf.reduce_all(possible, axis=-1)
        # Values of an impossible draw must not reach a gradient.
        ratio = tf.where(possible[..., tf.newaxis], probs / left, 1)
        log_prob = tf.where(possible, tf.reduce_sum(tf.math.log(ratio), axis=-1), -math.inf)
        return tf.cast(log_prob, self._log_prob_dtype)

    def _draw(self, shape: Shape, seed: Seed):
        weights = tf.maximum(tf.cast(tf.round(self._probs * _TOTAL), tf.int64), 1)
        weights = tf.where(self._probs > 0, weights, 0)
        ends = tf.cumsum(weights, axis=-1)
        u = random.uniform(tf.concat([shape, [self._length]], axis=0), seed, tf.float64)
        if self._replacement:
            return _item_at(ends, _unit(u, ends[..., -1:]))
        # Eagerly, the loop takes a hundred times the time of its graph.
        draw = _traced_without_replacement if tf.executing_eagerly() else _without_replacement
        return draw(weights, ends, u, self._length)


def _without_replacement(weights: tf.Tensor, ends: tf.Tensor, u: tf.Tensor, length: int):
    """Draws items in sequence. Each draw is among the units of weight that are left, and is then
    shifted past the units that were taken before.

    Args:
      weights, ends: int64 [D] or [B, D]: the units of each item, and their cumulative sums.
      u: [..., B, N], uniforms.
      length: N.

    Returns:
      int32 [..., B, N].
    """
    if _are_few(u.shape[:-1], ends):
        return _few_without_replacement(weights, u, length)
    nothing = tf.zeros_like(u, tf.int64)

    def draw_next(position: tf.Tensor, ids: tf.Tensor, taken: tf.Tensor, starts: tf.Tensor):
        """Draws the item at a position. `taken` holds the weights of the items drawn so far, and
        `starts` their places among the units that are left.
        """
        here = tf.range(length) == position
        left = ends[..., -1:] - tf.reduce_sum(taken, axis=-1, keepdims=True)
        unit = _unit(tf.gather(u, [position], axis=-1), left)
        passed = tf.where(starts <= unit, taken, 0)
        unit += tf.reduce_sum(passed, axis=-1, keepdims=True)
        item = _item_at(ends, unit)
        weight = _of(weights, item)
        before = tf.reduce_sum(tf.where(ids < item, taken, 0), axis=-1, keepdims=True)
        start = _of(ends, item) - weight - before
        starts = tf.where(ids > item, starts - weight, starts)
        return (
            position + 1,
            tf.where(here, item, ids),
            tf.where(here, weight, taken),
            tf.where(here, start, starts),
        )

    loop_vars = (0, tf.cast(nothing, tf.int32), nothing, nothing)
    return tf.while_loop(
        lambda *_: tf.constant(True),
        draw_next,
        loop_vars,
        parallel_iterations=1,
        maximum_iterations=length,
    )[1]


def _few_without_replacement(weights: tf.Tensor, u: tf.Tensor, length: int):
    """The draws of `_without_replacement`, with the weights of all items that are left in place of
    a bisection: fewer operations, each of which takes longer for many users or items.
    """
    items = tf.range(weights.shape[-1])

    def draw_next(position: tf.Tensor, ids: tf.Tensor, left: tf.Tensor):
        ends = tf.cumsum(left, axis=-1)
        unit = _unit(tf.gather(u, [position], axis=-1), ends[..., -1:])
        item = tf.reduce_sum(tf.cast(ends <= unit, tf.int32), axis=-1, keepdims=True)
        ids = tf.where(tf.range(length) == position, item, ids)
        return position + 1, ids, tf.where(items == item, tf.zeros_like(left), left)

    left = tf.broadcast_to(weights, [*u.shape[:-1], weights.shape[-1]])
    return tf.while_loop(
        lambda *_: tf.constant(True),
        draw_next,
        (0, tf.zeros_like(u, tf.int32), left),
        parallel_iterations=1,
        maximum_iterations=length,
    )[1]


_traced_without_replacement = tf.function(_without_replacement, autograph=False)


def _item_at(ends: tf.Tensor, unit: tf.Tensor):
    """The first items whose ends are above units int64 [..., B, M], as int32 [..., B, M]."""
    num_items = ends.shape[-1]
    if _are_few(unit.shape, ends):
        passed = ends[..., tf.newaxis, :] <= unit[..., tf.newaxis]
        return tf.reduce_sum(tf.cast(passed, tf.int32), axis=-1)
    item = tf.zeros_like(unit, tf.int32)
    # `tf.searchsorted` compares each unit with each item under XLA.
    for bit in reversed(range((num_items - 1).bit_length())):
        further = item + 2**bit
        last_passed = tf.minimum(further, num_items) - 1
        passed = (further < num_items) & (_of(ends, last_passed) <= unit)
        item = tf.where(passed, further, item)
    return item


def _are_few(shape: tf.TensorShape, ends: tf.Tensor) -> bool:
    """Tells whether units of a shape are compared with all ends sooner than by bisection."""
    number = shape.num_elements()
    return number is not None and number * ends.shape[-1] <= _FEW


def _of(table: tf.Tensor, ids: tf.Tensor):
    """Entries of a table [D] or [B, D] for ids int32 [..., B, M]."""
    if table.shape.rank == 2:
        num_users, num_items = table.shape
        ids += np.arange(num_users, dtype=np.int32)[:, np.newaxis] * num_items
    return tf.gather(tf.reshape(table, [-1]), ids)


def _unit(u: tf.Tensor, total: tf.Tensor):
    """A whole number in [0, total) for each uniform."""
    # The product may be rounded up to the total.
    return tf.minimum(tf.cast(u * tf.cast(total, u.dtype), tf.int64), total - 1)
