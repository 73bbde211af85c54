# SPDX-License-Identifier: Apache-2.0
"""Several values of a parameter, and several seeds, on the axis of users, for the same users."""

import contextlib
import contextvars
import math
from collections.abc import Sequence
from typing import TypeAlias

import tensorflow as tf

from recsim_tf.core import nests

Shape: TypeAlias = Sequence[int | tf.Tensor] | tf.TensorShape | tf.Tensor

# (num_values, num_seeds) inside `paired`.
pairing: contextvars.ContextVar[tuple[int, int] | None] = contextvars.ContextVar(
    "recsim_tf_random_pairing", default=None
)


@contextlib.contextmanager
def paired(num_values: int, num_seeds: int = 1):
    """Gives V values of a parameter, with each of S seeds, the same b users: row (v S + s) b + u is
    user u.

    In everything traced inside the context a seed may be int32 [S, 2], with a row for each of the S
    seeds. A draw of shape [V S b, ...] then consists of the S draws of shape [b, ...] that these
    seeds give outside of the context, and is the same for all values. With a seed of shape [2] all
    rows of a user are the same. Single sessions (`auto_reset=False`) are therefore the sessions of
    separate runs with b users each.

    Distributions without an inverse CDF in `sample`, such as Beta and Gamma, cannot be paired. The
    first seed draws them for all rows, so their noise differs between values and seeds. Draws of
    worlds stand side by side in the same way, so that the b users of a value and seed are whole
    worlds.

    Args:
      num_values: V.
      num_seeds: S.

    Raises:
      ValueError: inside the context, for a draw whose first axis is not V S b long.
    """
    token = pairing.set((num_values, num_seeds))
    try:
        yield
    finally:
        pairing.reset(token)


def block_shape(shape: Shape):
    """The shape to draw for a result of the given shape. Inside `paired` it is the shape for the
    users of one value and seed.
    """
    inside = pairing.get()
    if inside is None:
        return shape
    copies = math.prod(inside)
    shape = tf.convert_to_tensor(shape, tf.int32)
    static = static_shape(shape)
    if static is None:
        return tf.concat([shape[:1] // copies, shape[1:]], axis=0)
    if not static.rank or static[0] % copies:
        rows = f"{inside[0]} values * {inside[1]} seeds * users"
        raise ValueError(
            f"side by side on the user axis, the first axis of a draw must be {rows}, got the shape"
            f" {static}"
        )
    return [static[0] // copies, *static[1:]]


def all_rows(drawn, block) -> tf.Tensor:
    """The rows of all values and seeds, from a draw of the shape of `block_shape`, or from S such
    draws [S, ...] for S seeds.
    """
    inside = pairing.get()
    if inside is None:
        return drawn
    num_values, num_seeds = inside
    rank = len(block) if isinstance(block, list | tf.TensorShape) else block.shape[0]
    rows, copies = (
        (nests.merge_outer(drawn), num_values)
        if drawn.shape.rank > rank
        else (drawn, num_values * num_seeds)
    )
    return tf.tile(rows, [copies] + [1] * (rank - 1))


def static_shape(shape: Shape) -> tf.TensorShape | None:
    """The static shape, or None if it is unknown before the graph runs."""
    if tf.is_tensor(shape):
        shape = tf.get_static_value(shape)
    elif isinstance(shape, list | tuple) and any(map(tf.is_tensor, shape)):
        return None
    shape = tf.TensorShape(shape)
    return shape if shape.is_fully_defined() else None
