# SPDX-License-Identifier: Apache-2.0
"""Turns, which are a slate and a query of the system beside it."""

from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf
import tree

from recsim_tf.core import random
from recsim_tf.core.base import validation
from recsim_tf.core.base.bounds import BoundedTensorSpec, bounded_specs
from recsim_tf.core.base.types import Nest, Seed, Turn


class ActionFormat(NamedTuple):
    """The format of an agent's action, which is a slate of candidates and a query beside it."""

    slate_size: int  # K
    num_candidates: int  # N
    query_spec: Nest = ()  # the specs of the query to one user; () where there is none


class TakesTurns(Protocol):
    """The part of a session source that declares the turns it takes."""

    slate_size: int
    num_candidates: int
    query_spec: Nest

    def turn_conditions(self, turn: Turn) -> list[tuple[tf.Tensor, str]]: ...


def query_spec(specs: Nest, bounds: Nest) -> Nest:
    """The `query_spec` of a simulator.

    Args:
      specs: nest of `tf.TensorSpec` of the query to one user.
      bounds: one `Bounds` for the whole query, or a nest of `Bounds` of its structure.

    Returns:
      Nest of bounded specs, named "query/...".
    """
    return bounded_specs("query", specs, bounds)


def check_query_spec(spec: Nest) -> None:
    """Raises `ValueError` unless the spec is () or a nest of specs of known shape."""
    if spec != () and not tf.nest.flatten(spec):
        raise ValueError(f"query_spec must be () or a nest of tf.TensorSpec, got {spec!r}")
    for path, leaf in tree.flatten_with_path(spec):
        name = "/".join(["query_spec", *map(str, path)])
        if not isinstance(leaf, tf.TensorSpec):
            raise ValueError(f"{name} must be a tf.TensorSpec, got {leaf!r}")
        if not leaf.shape.is_fully_defined():
            raise ValueError(f"{name} must have a known shape, got {leaf.shape}")


def require_no_queries(name: str, query_spec: Nest, instead: str) -> None:
    """Requires an environment without queries, and raises `ValueError` otherwise.

    Args:
      name: the name of the policy or agent that gives only slates, for the error.
      query_spec: the query_spec of the environment.
      instead: the advice at the end of the error.
    """
    if tf.nest.flatten(query_spec):
        names = ", ".join(_named(path) for path, _ in tree.flatten_with_path(query_spec))
        raise ValueError(
            f"{name} gives slates alone, and the environment has a query_spec, {names}: {instead}"
        )


def limits(spec: tf.TensorSpec) -> tuple[Any, Any]:
    """The least and the largest value of a spec, or of its dtype where it has no bounds."""
    low, high = (False, True) if spec.dtype.is_bool else (spec.dtype.min, spec.dtype.max)
    return getattr(spec, "minimum", low), getattr(spec, "maximum", high)


def action_spec(source: TakesTurns, empty_positions: bool = False) -> Nest:
    """Bounded specs of the action for one user.

    Args:
      source: the session source.
      empty_positions: whether a position of a slate may be -1, for no document.

    Returns:
      The spec of a slate, int32 [K], or where there is a `query_spec`, a `Turn` of the specs of a
      slate and of a query.
    """
    last = source.num_candidates - 1
    slate = BoundedTensorSpec(
        [source.slate_size], tf.int32, -1 if empty_positions else 0, last, "slate"
    )

    def bounded(spec: tf.TensorSpec):
        return BoundedTensorSpec(spec.shape, spec.dtype, *limits(spec), spec.name)

    return Turn(slate, tf.nest.map_structure(bounded, source.query_spec)).action


def as_turn(action: Any, spec: Nest, num_users: int, slate_size: int) -> Turn:
    """An action as a turn, after its structure, dtypes and shapes have been checked.

    Args:
      action: a slate int32 or int64 [B, k], k <= slate_size; a `Turn` where there is a query_spec.
      spec: the query_spec of the simulator.
      num_users: B.
      slate_size: K.

    Returns:
      A turn of int32 [B, K], padded with -1 where the slate is short, and the query.

    Raises:
      ValueError: for an action of the wrong format.
    """
    asks = bool(tf.nest.flatten(spec))
    if isinstance(action, Turn) != asks:
        kind = type(action).__name__
        raise ValueError(
            f"action must be a Turn of slate and query, since there is a query_spec, got {kind}"
            if asks
            else f"action must be a slate, since there is no query_spec, got {kind}"
        )
    if not asks:
        return Turn(validation.check_slate_format(action, num_users, slate_size))
    slate = validation.check_slate_format(action.slate, num_users, slate_size)
    return Turn(slate, _checked_query(action.query, spec, num_users))


def check_values(source: TakesTurns, turn: Turn, allow_duplicates: bool) -> Turn:
    """Checks the positions of the slate and the values of the query of a turn from `as_turn`.

    Returns:
      The turn. A violation is reported as by `validation.check`.
    """
    slate = validation.check_slate_values(turn.slate, source.num_candidates, allow_duplicates)
    conditions = [
        *_in_range(turn.query, source.query_spec),
        *source.turn_conditions(Turn(slate, turn.query)),
    ]
    return Turn(validation.asserted(slate, conditions), turn.query)


def some_turn(source: TakesTurns, num_users: int) -> Turn:
    """A turn of the right format: the first candidates, and a query of zeros, clipped to the bounds
    of its spec.
    """

    def some_leaf(spec: tf.TensorSpec):
        low, high = limits(spec)
        value = np.clip(np.zeros(spec.shape, spec.dtype.as_numpy_dtype), low, high)
        return tf.broadcast_to(tf.constant(value, spec.dtype), [num_users, *spec.shape])

    slate = tf.broadcast_to(tf.range(source.slate_size), [num_users, source.slate_size])
    return Turn(slate, tf.nest.map_structure(some_leaf, source.query_spec))


def accepted(source: TakesTurns, turn: Turn) -> tf.Tensor:
    """Tells whether a turn of the right format and ranges meets the conditions of the source for
    each user, bool [B].
    """
    is_accepted = tf.ones(tf.shape(turn.slate)[:1], tf.bool)
    for condition, _ in source.turn_conditions(turn):
        is_accepted &= condition
    return is_accepted


def random_queries(
    spec: Nest, num_users: int | tf.Tensor, seed: Seed, num_queries: int | None = None
) -> Nest:
    """Queries to B users, uniform in the ranges of a query_spec.

    A missing low end of a range is min(-1, high - 1). A missing high end is max(1, low + 1) for
    floats, and max(1000, low + 1) for integers.

    Args:
      spec: the specs of the query to one user.
      num_users, seed: B, an int or a scalar tensor; and an integer or int32 [2].
      num_queries: Q, the number of queries to each user; None for one query without an axis.

    Returns:
      Nest of [B, ...], or [B, Q, ...].
    """
    outer = [num_users] if num_queries is None else [num_users, num_queries]
    leaves = tf.nest.flatten(spec)
    seeds = random.split_seed(seed, max(len(leaves), 1))
    drawn = [
        _random_leaf(leaf, outer, leaf_seed) for leaf, leaf_seed in zip(leaves, seeds, strict=False)
    ]
    return tf.nest.pack_sequence_as(spec, drawn)


def _random_leaf(spec: tf.TensorSpec, outer: list, seed: Seed) -> tf.Tensor:
    dtype = spec.dtype
    numbers = random.uniform(
        [*outer, *spec.shape], seed, dtype if dtype.is_floating else tf.float32
    )
    if dtype.is_bool:
        return numbers < 0.5
    low, high = (np.asarray(limit, np.float64) for limit in limits(spec))
    has_low, has_high = low > dtype.min, high < dtype.max
    low = np.where(has_low, low, np.minimum(-1, np.where(has_high, high - 1, -1)))
    high = np.where(has_high, high, np.maximum(1 if dtype.is_floating else 1000, low + 1))
    if dtype.is_floating:
        return tf.constant(low, dtype) + numbers * tf.constant(high - low, dtype)
    steps = tf.floor(numbers * tf.constant(high - low + 1, tf.float32))
    return tf.constant(low, dtype) + tf.cast(steps, dtype)


def _checked_query(query: Nest, spec: Nest, num_users: int) -> Nest:
    try:
        tf.nest.assert_same_structure(spec, query)
    except (TypeError, ValueError) as error:
        names = ", ".join(_named(path) for path, _ in tree.flatten_with_path(spec))
        raise ValueError(
            f"query must be a {type(spec).__name__} of {names}, got {type(query).__name__}"
        ) from error

    def checked(path: tuple, leaf_spec: tf.TensorSpec, leaf: Any):
        leaf = tf.convert_to_tensor(leaf)
        if leaf_spec.dtype == tf.int32 and leaf.dtype == tf.int64:
            leaf = tf.cast(leaf, tf.int32)
        shape = [num_users, *leaf_spec.shape]
        if leaf.dtype != leaf_spec.dtype or leaf.shape != shape:
            raise ValueError(
                f"{_named(path)} must be {leaf_spec.dtype.name} {shape}, got {leaf.dtype.name}"
                f" {leaf.shape}"
            )
        return leaf

    return tree.map_structure_with_path_up_to(spec, checked, spec, query)


def _in_range(query: Nest, spec: Nest) -> list[tuple[tf.Tensor, str]]:
    """Conditions that the query is in the ranges of its specs, with their messages."""
    conditions = []
    leaves = zip(tree.flatten_with_path(spec), tf.nest.flatten(query), strict=True)
    for (path, leaf_spec), leaf in leaves:
        if leaf_spec.dtype.is_bool:
            continue
        low, high = limits(leaf_spec)
        message = f"{_named(path)} must be in {shown_range(leaf_spec)}"
        conditions.append(((leaf >= low) & (leaf <= high), message))
    return conditions


def shown_range(spec: tf.TensorSpec) -> str:
    """The range of a spec as text for errors."""
    ends = (np.asarray(limit) for limit in limits(spec))
    low, high = (end.item() if end.size == 1 else end.tolist() for end in ends)
    return f"[{low}, {high}]"


def _named(path: tuple) -> str:
    return ".".join(["query", *map(str, path)])
