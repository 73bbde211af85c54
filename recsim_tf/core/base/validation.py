# SPDX-License-Identifier: Apache-2.0
"""Checks of arguments. An error is one line with the argument, its value and what is allowed."""

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.arguments import Count, require
from recsim_tf.core.base.ranges import known_numbers, shown
from recsim_tf.core.nests import fields_of


def check(condition: tf.Tensor, message: str) -> list[tf.Operation]:
    """Requires a boolean tensor to be true everywhere, or raises an error with this message.

    Returns:
      Operations to put under `tf.control_dependencies`; empty in eager mode. XLA drops them.

    Raises:
      ValueError: in eager mode. In graph mode a violation is a `tf.errors.InvalidArgumentError`
        when the graph runs.
    """
    if tf.executing_eagerly():
        if not bool(tf.reduce_all(condition)):
            raise ValueError(message)
        return []
    return [tf.debugging.Assert(tf.reduce_all(condition), [message])]


def asserted(tensor: tf.Tensor, conditions: Sequence[tuple[tf.Tensor, str]]) -> tf.Tensor:
    """Returns the tensor, after its (condition, message) pairs have been checked."""
    with tf.control_dependencies(
        [op for condition, message in conditions for op in check(condition, message)]
    ):
        return tf.identity(tensor)


def check_slate_size(slate_size: Any, num_candidates: int) -> None:
    """Requires an integer from 1 to the number of candidates; raises `ValueError`."""
    require("slate_size", slate_size, Count)
    if slate_size > num_candidates:
        raise ValueError(
            f"slate_size must be in [1, num_candidates={num_candidates}], got {slate_size}"
        )


def check_different(name: str, given: Any, least: int = 0) -> None:
    """Requires at least `least` different names or ids, none missing; else raises `ValueError`."""
    if isinstance(given, Sequence):
        is_list = not isinstance(given, str | bytes)
    else:
        is_list = hasattr(given, "ndim") and given.ndim == 1
    entries = list(given) if is_list else []
    if not is_list or not all(map(_is_id, entries)):
        raise ValueError(f"{name} must be a list of names or ids, got {shown(given)}")
    if len(entries) < least:
        raise ValueError(f"{name} must be a list of at least {least}, got {len(entries)}")
    entry, times = Counter(entries).most_common(1)[0] if entries else (None, 0)
    if times > 1:
        raise ValueError(f"{name} must differ from each other, got {shown(entry)} twice")


def _is_id(entry: Any) -> bool:
    try:
        # NaN differs from itself, and the missing value of pandas has no truth value.
        return isinstance(entry, Hashable) and entry is not None and bool(entry == entry)
    except (TypeError, ValueError):
        return False


def check_eager(caller: str) -> None:
    """Requires that a function is called eagerly, and raises `ValueError` otherwise."""
    if not tf.executing_eagerly():
        raise ValueError(
            f"{caller} must be called outside of tf.function, got a call inside of one"
        )


def check_same(users: Any, documents: Any, *names: str) -> None:
    """Requires documents and users of equal attributes, and raises `ValueError` otherwise."""
    for name in names:
        required, given = getattr(users, name), getattr(documents, name)
        if required != given:
            raise ValueError(f"documents must have the {name}={required} of users, got {given}")


def table_shape(name: str, table: Any) -> tf.TensorShape:
    """The shape of a table of parameters. Raises `ValueError` if its rows differ in length."""
    try:
        return tf.TensorShape(np.shape(table))
    except ValueError as error:
        raise ValueError(f"{name} must have rows of one length, got {shown(table)}") from error


def table_length(name: str, table: Any) -> int:
    """The length of the last axis of a table of parameters; raises `ValueError` for a number, and
    for rows of different length.
    """
    shape = table_shape(name, table)
    if not shape.rank:
        raise ValueError(f"{name} must be a table, got the number {table}")
    return shape[-1]


def check_table(
    name: str, table: Any, or_number: bool = False, **axes: int | None
) -> tf.TensorShape:
    """Checks the shape of a table of parameters.

    Args:
      name: the argument's name.
      table: numbers, a tensor or a variable. Its axes have the given lengths; an axis of users [B]
        may come before them. After an axis of users, an axis may have length 1, whose number then
        holds for all entries of the axis.
      or_number: whether the table may be one number.
      **axes: name and length of each axis, in order; None for any length.

    Returns:
      The shape without the axis of users; [] for a number.

    Raises:
      ValueError: if the shape is not allowed.
    """
    expected = list(axes.values())
    shape = table_shape(name, table)
    if or_number and not shape.rank:
        return shape
    for_each_user = shape.rank == len(expected) + 1
    fits = all(
        length in (given, None) or (for_each_user and given == 1)
        for given, length in zip(shape[-len(expected) :], expected, strict=False)
    )
    if not (fits and (for_each_user or shape.rank == len(expected))):
        described = ", ".join(
            axis if length is None else f"{axis}={length}" for axis, length in axes.items()
        )
        raise ValueError(f"{name} must have shape [{described}], or one for each user, got {shape}")
    return shape[-len(expected) :]


def check_probabilities(name: str, probabilities: Any) -> None:
    """Requires numbers [..., C] to be non-negative and to sum to one, up to the rounding of
    float32. Variables, and tensors whose values are not known yet, pass.
    """
    values = known_numbers(name, probabilities)
    if values is None:
        return
    values = np.asarray(values, np.float64)
    # The conditions are positive, because every comparison with NaN is false.
    sums_to_one = values.ndim > 0 and (np.abs(values.sum(-1) - 1) <= 1e-5).all()
    if not (sums_to_one and (values >= 0).all()):
        raise ValueError(f"{name} must be non-negative and sum to 1, got {shown(values.tolist())}")


def check_logits(name: str, logits: Any) -> None:
    """Requires logits [..., C] to have a number above -inf in each row, since a softmax of -inf
    alone is NaN; a number must be above -inf itself. Variables, and tensors whose values are not
    known yet, pass.
    """
    values = known_numbers(name, logits)
    if values is None:
        return
    is_impossible = (np.atleast_1d(values) == -np.inf).all(axis=-1)
    if is_impossible.any():
        row = np.argwhere(is_impossible)[0].tolist()
        where = f" in row {row}" if row else ""
        raise ValueError(f"{name} must have a number above -inf in each row, got none{where}")


def check_slate_format(slate: tf.Tensor, num_users: int, slate_size: int) -> tf.Tensor:
    """Checks the dtype and shape of a slate, before anything runs.

    Args:
      slate: int32 or int64 [num_users, k] with k <= slate_size.
      num_users, slate_size: B, and the largest k.

    Returns:
      int32 [num_users, slate_size]: the slate, padded with -1 if it is short.
    """
    slate = tf.convert_to_tensor(slate)
    if slate.dtype not in (tf.int32, tf.int64):
        raise ValueError(f"slate must have dtype int32 or int64, got {slate.dtype.name}")
    if (
        slate.shape.rank != 2
        or slate.shape[0] != num_users
        or slate.shape[1] is None
        or slate.shape[1] > slate_size
    ):
        raise ValueError(
            f"slate must have shape [{num_users}, k] with k <= slate_size={slate_size}, got"
            f" {slate.shape}"
        )
    slate = tf.cast(slate, tf.int32)
    return tf.pad(slate, [[0, 0], [0, slate_size - slate.shape[1]]], constant_values=-1)


def check_slate_values(slate: tf.Tensor, num_candidates: int, allow_duplicates: bool) -> tf.Tensor:
    """Checks the positions of an int32 slate [B, K]. A violation is reported as by `check`."""
    in_range = (slate >= -1) & (slate < num_candidates)
    allowed = (
        f"slate must hold candidate positions in [0, {num_candidates}), or -1 for an empty position"
    )
    conditions = [(in_range, allowed + _first(slate, ~in_range))]
    if not allow_duplicates:
        ranked = tf.sort(slate, axis=-1)
        repeated = (ranked[:, 1:] == ranked[:, :-1]) & (ranked[:, 1:] >= 0)
        message = "slate must not show a document twice (allow_duplicates=False)"
        conditions.append((~repeated, message + _first(ranked[:, 1:], repeated)))
    return asserted(slate, conditions)


def _first(slate: tf.Tensor, wrong: tf.Tensor) -> str:
    """Words of the first wrong position of slates; none in graph mode, where it is unknown."""
    if not tf.executing_eagerly() or not tf.reduce_any(wrong):
        return ""
    return f", got {int(slate[wrong][0])} for user {int(tf.where(wrong)[0, 0])}"


def check_fields(owner: str, nest: Any, *names: str) -> None:
    """Requires observed users, documents or responses to have the fields that an agent needs, and
    raises `ValueError` otherwise. They are a NamedTuple of tensors or specs. The owner is a word
    for the error, such as "documents".
    """
    # The author of the model chooses the type and the fields of the nest.
    fields = fields_of(nest)
    missing = [name for name in names if name not in fields]
    if missing:
        got = ", ".join(fields) or type(nest).__name__
        raise ValueError(
            f"observed {owner} must have the fields {', '.join(names)}, got {got} without"
            f" {', '.join(missing)}"
        )
