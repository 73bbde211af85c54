"""Spaces of actions, and actions as a simulator takes them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from gymnasium import spaces

from recsim_tf.adapters.gymnasium.spaces import nested_space
from recsim_tf.core.sessions import SessionSource
from recsim_tf.core.types import Nest, Turn


def action_space(simulator: SessionSource) -> spaces.Space:
    """Slates of candidate positions, `MultiDiscrete` [K]; where there is a `query_spec`, a `Dict`
    of `slate` and `query`.
    """
    slate = spaces.MultiDiscrete([simulator.num_candidates] * simulator.slate_size)
    if not tf.nest.flatten(simulator.query_spec):
        return slate
    return spaces.Dict({"slate": slate, "query": nested_space(simulator.query_spec)})


def as_arrays(action: Any, query_spec: Nest) -> Nest:
    """An action in the form of its space, as arrays: of a slate, or a `Turn` of them where there is
    a query_spec.

    Raises:
      ValueError: if a part is missing.
    """
    if not tf.nest.flatten(query_spec):
        return np.asarray(action)
    slate = _part(action, "slate", "action")
    return Turn(np.asarray(slate), _arrays(_part(action, "query", "action"), query_spec, "query"))


def _arrays(value: Any, spec: Nest, name: str) -> Nest:
    if hasattr(spec, "_asdict"):
        return type(spec)(**_arrays(value, spec._asdict(), name))
    if isinstance(spec, dict):
        return {
            key: _arrays(_part(value, key, name), part, f"{name}.{key}")
            for key, part in spec.items()
        }
    if isinstance(spec, (tuple, list)):
        if not isinstance(value, (tuple, list)) or len(value) != len(spec):
            raise ValueError(
                f"{name} must be a tuple of {len(spec)} parts, got {type(value).__name__}"
            )
        parts = enumerate(zip(value, spec, strict=True))
        return type(spec)(_arrays(part, of, f"{name}.{number}") for number, (part, of) in parts)
    array, dtype = np.asarray(value), spec.dtype.as_numpy_dtype
    # Spaces have wider integers than specs, and Python has wider numbers.
    return array.astype(dtype) if np.can_cast(array.dtype, dtype, "same_kind") else array


def _part(value: Any, key: str, name: str) -> Any:
    if not isinstance(value, Mapping) or key not in value:
        got = f"one of {list(value)}" if isinstance(value, Mapping) else type(value).__name__
        raise ValueError(f"{name} must be a dict with {key}, got {got}")
    return value[key]
