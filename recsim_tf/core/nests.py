# SPDX-License-Identifier: Apache-2.0
"""Operations on nests of tensors with the users as leading axis."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core.targets import for_tpu

Nest = Any  # any structure of tensors
_SHORT = 32  # candidates


def fields_of(nest: Nest) -> dict[str, Any]:
    """The fields of a NamedTuple by name. Other values have no fields."""
    is_named: bool = isinstance(nest, tuple) and hasattr(nest, "_fields")
    return nest._asdict() if is_named else {}


def leaves(path: str, nest: Nest) -> Iterator[tuple[str, Any]]:
    """The leaves of a nest by their paths, such as "transitions.response.clicked", in the order of
    `tf.nest.flatten`.
    """
    if not tf.nest.is_nested(nest):
        yield path, nest
        return
    if isinstance(nest, Mapping):
        parts = [(str(name), nest[name]) for name in sorted(nest)]
    else:
        parts = list(fields_of(nest).items()) or [
            (str(place), part) for place, part in enumerate(nest)
        ]
    for name, part in parts:
        yield from leaves(f"{path}.{name}" if path else name, part)


def as_json(value: Any) -> Any:
    """Mappings, named tuples, sequences, arrays and numbers as values that JSON takes. Numbers that
    are not finite become None.
    """
    value = fields_of(value) or value
    if isinstance(value, Mapping):
        return {name: as_json(item) for name, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return as_json(value.tolist())
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value


def batch_size(nest: Nest) -> int:
    """The static length of the leading axis of a nest of [B, ...]."""
    return tf.nest.flatten(nest)[0].shape[0]


def num_rows(nest: Nest) -> int | tf.Tensor:
    """The length of the leading axis of a nest of [B, ...]. It is a scalar tensor where the length
    is not static, as in a saved policy.
    """
    first = tf.nest.flatten(nest)[0]
    return tf.shape(first)[0] if first.shape[0] is None else first.shape[0]


def where(mask: tf.Tensor, if_true: Nest, if_false: Nest) -> Nest:
    """Chooses whole rows of nests [B, ...]: `if_true` where `mask` [B] is true, else `if_false`."""

    def choose(true_leaf: tf.Tensor, false_leaf: tf.Tensor):
        return tf.where(
            tf.reshape(mask, [-1] + [1] * (true_leaf.shape.rank - 1)), true_leaf, false_leaf
        )

    return tf.nest.map_structure(choose, if_true, if_false)


def take(nest: Nest, positions: tf.Tensor) -> Nest:
    """Selects along the second axis.

    Args:
      nest: nest of [B, N, ...].
      positions: int32 [B, K], in [0, N). A position outside takes an arbitrary row, or is an error
        in graph mode.

    Returns:
      Nest of [B, K, ...].
    """
    leaves = tf.nest.flatten(nest)
    if not leaves:
        return nest
    num_users, length = leaves[0].shape[:2]
    is_compared = length is not None and length <= _SHORT and for_tpu()
    # These are rows of one long table, since XLA compiles a gather by users to slower code.
    rows = None
    if num_users is not None and num_users * length <= positions.dtype.max:
        rows = positions + tf.range(num_users, dtype=positions.dtype)[:, tf.newaxis] * length

    def entries(leaf: tf.Tensor) -> tf.Tensor:
        is_number = leaf.dtype.is_floating or leaf.dtype.is_integer
        if is_compared and is_number and leaf.shape.rank == 2:
            return _compared(leaf, positions)
        if rows is None:
            return tf.gather(leaf, positions, batch_dims=1)
        return tf.gather(tf.reshape(leaf, [-1, *leaf.shape[2:]]), rows)

    return tf.nest.map_structure(entries, nest)


def _compared(leaf: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
    """`take` of numbers [B, N] by comparisons. A TPU gathers number by number, and first pads each
    row of the numbers and of the positions to 128.
    """
    is_here = positions[..., tf.newaxis] == tf.range(leaf.shape[1], dtype=positions.dtype)
    zero = tf.zeros([], leaf.dtype)
    return tf.reduce_sum(tf.where(is_here, leaf[:, tf.newaxis], zero), axis=2)


def lookup(table: tf.Tensor, ids: tf.Tensor, rank: int) -> tf.Tensor:
    """Entries of a table that all users share, or of one table for each user.

    Args:
      table: [D, ...] with `rank` axes, or [B, D, ...].
      ids: int32 [B, ...], in [0, D).
      rank: number of axes of the table itself.

    Returns:
      [B, ..., ...]: the axes of the ids, then the axes of an entry.
    """
    return tf.gather(table, ids, batch_dims=table.shape.rank - rank)


def zeros_like(nest: Nest) -> Nest:
    """Zeros with the structure, shapes and dtypes of a nest."""
    return tf.nest.map_structure(tf.zeros_like, nest)


def arrays_like(nest: Nest, length: int) -> Nest:
    """A nest of `tf.TensorArray`s, each for `length` leaves like those of tensors or specs."""
    return tf.nest.map_structure(
        lambda leaf: tf.TensorArray(leaf.dtype, length, element_shape=leaf.shape), nest
    )


def write(arrays: Nest, step: int | tf.Tensor, nest: Nest) -> Nest:
    """The arrays after a nest is written at a step."""
    return tf.nest.map_structure(lambda array, leaf: array.write(step, leaf), arrays, nest)


def stack(arrays: Nest) -> Nest:
    """The written nests as one nest of [length, ...]."""
    return tf.nest.map_structure(lambda array: array.stack(), arrays)


def at_step(nest: Nest, step: int | tf.Tensor) -> Nest:
    """The element at `step` of the leading axis, which is time."""
    return tf.nest.map_structure(lambda leaf: tf.gather(leaf, step), nest)


def merge_outer(nest: Nest) -> Nest:
    """Reshapes a nest of [B, T, ...] to [B * T, ...], users first."""

    def merge(leaf: tf.Tensor):
        shape = [-1 if None in leaf.shape[:2] else leaf.shape[0] * leaf.shape[1], *leaf.shape[2:]]
        return tf.reshape(leaf, shape)

    return tf.nest.map_structure(merge, nest)
