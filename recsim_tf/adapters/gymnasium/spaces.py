# SPDX-License-Identifier: Apache-2.0
"""Spaces of observations and actions, and conversions of observations and actions to them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tree
from gymnasium import spaces
from gymnasium.spaces.utils import flatten_space

from recsim_tf.core.base.types import Nest, Observation, Turn
from recsim_tf.core.nests import fields_of
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step import turns
from recsim_tf.core.step.session_source import SessionSource


def observation_space(simulator: Simulator) -> spaces.Dict:
    """The space of one user's observation, in the form of `recsim_keys`."""
    space = _nested_space(_keys(simulator.observation_spec()))
    assert isinstance(space, spaces.Dict)
    return space


def _nested_space(specs: Nest) -> spaces.Space:
    """The space of a nest of specs, made of dicts, tuples, and a space for each spec."""
    return _by_name(tree.map_structure(_leaf_space, specs), spaces.Dict, spaces.Tuple)


def flat_space(space: spaces.Space) -> spaces.Box:
    """The space of one user's observation, or of a part of it, in the form of `flat`."""
    box = flatten_space(space)
    assert isinstance(box, spaces.Box)
    return spaces.Box(box.low.astype(np.float32), box.high.astype(np.float32), dtype=np.float32)


def vectors_space(space: spaces.Dict) -> spaces.Dict:
    """The space of one user's observation, in the form of `vectors`."""
    return spaces.Dict({name: flat_space(part) for name, part in _parts_by_name(space)})


def recsim_keys(observation: Observation) -> dict[str, Nest]:
    """An observation as dicts and tuples, with RecSim's keys."""
    return as_dicts(_keys(observation))


def flat(observation: Nest, space: spaces.Space) -> tf.Tensor:
    """An observation as one vector for each user.

    Args:
      observation: nest of [B, ...], from `recsim_keys`.
      space: the space of one user's observation.

    Returns:
      float32 [B, F], with the entries of `gymnasium.spaces.flatten`, in which `Discrete` and
      `MultiDiscrete` are one-hot.
    """
    if isinstance(space, (spaces.Dict, spaces.Tuple)):
        parts = space.items() if isinstance(space, spaces.Dict) else enumerate(space)
        return tf.concat([flat(observation[key], part) for key, part in parts], axis=1)
    num_users = observation.shape[0]
    if isinstance(space, spaces.Discrete):
        return tf.one_hot(observation - space.start, space.n)
    if isinstance(space, spaces.MultiDiscrete):
        lengths = space.nvec.reshape(-1, 1)
        longest = int(lengths.max(initial=0))
        one_hot = tf.one_hot(tf.reshape(observation - space.start, [num_users, -1]), longest)
        exists = np.flatnonzero(np.arange(longest) < lengths)
        return tf.gather(tf.reshape(one_hot, [num_users, len(lengths) * longest]), exists, axis=1)
    return tf.reshape(tf.cast(observation, tf.float32), [num_users, -1])


def vectors(observation: Nest, space: spaces.Dict) -> dict[str, tf.Tensor]:
    """An observation from `recsim_keys` as a dict of one level, with a vector in the form of `flat`
    for each part. The names of the parts of a part are joined by slashes, such as
    "response/clicked", since PyTorch takes no dots in names of modules.
    """
    parts = dict(_parts_by_name(observation))
    return {name: flat(parts[name], part) for name, part in _parts_by_name(space)}


def first_user(space: spaces.Space) -> Callable[[Any], Any]:
    """The function that takes one user's observation, with a number in each `Discrete` part of the
    space, from the observations of users [B, ...].
    """
    if isinstance(space, spaces.Dict):
        parts = {name: first_user(part) for name, part in space.items()}
        return lambda nest: {name: part(nest[name]) for name, part in parts.items()}
    if isinstance(space, spaces.Tuple):
        items = tuple(first_user(part) for part in space)
        return lambda nest: tuple([item(part) for item, part in zip(items, nest, strict=True)])
    if isinstance(space, spaces.Discrete):
        return lambda leaf: np.int64(leaf[0])
    return lambda leaf: leaf[0, ...]


def as_dicts(nest: Nest) -> Any:
    """A nest with dicts in place of its NamedTuples."""
    return _by_name(nest, dict, tuple)


def action_space(simulator: SessionSource) -> spaces.Space:
    """The space of slates of candidate positions, `MultiDiscrete` [K], or for a slate of one
    document `Discrete`; where there is a `query_spec`, a `Dict` of `slate` and `query`.
    """
    slate = spaces.MultiDiscrete([simulator.num_candidates] * simulator.slate_size)
    if not tf.nest.flatten(simulator.query_spec):
        is_single = simulator.slate_size == 1
        return spaces.Discrete(simulator.num_candidates) if is_single else slate
    return spaces.Dict({"slate": slate, "query": _nested_space(simulator.query_spec)})


def as_arrays(action: Any, simulator: SessionSource, num_axes: int) -> Nest:
    """An action in the form of its space, as arrays: a slate, or a `Turn` where there is a
    `query_spec`. A slate has `num_axes` axes; a position of a `Discrete` space gets the last of
    them. Raises a ValueError if a part is missing.
    """
    query_spec = simulator.query_spec
    if not tf.nest.flatten(query_spec):
        slate = np.asarray(action)
        is_position = simulator.slate_size == 1 and slate.ndim == num_axes - 1
        return slate[..., np.newaxis] if is_position else slate
    slate = _part(action, "slate", "action")
    return Turn(np.asarray(slate), _arrays(_part(action, "query", "action"), query_spec, "query"))


def distinct(action: Nest, num_candidates: int) -> Nest:
    """An action in which each position that repeats an earlier one of its slate is replaced by the
    next candidate, in cyclic order, that the slate does not show.

    Args:
      action: slates int32 [B, K], or a `Turn` of them. -1 stays an empty position.
      num_candidates: N.
    """
    if isinstance(action, Turn):
        return action._replace(slate=distinct(action.slate, num_candidates))
    candidates = tf.range(num_candidates)
    shown = tf.zeros([action.shape[0], num_candidates], bool)
    positions = []
    for position in tf.unstack(action, axis=1):
        distance = (candidates - position[:, tf.newaxis]) % num_candidates
        distance = tf.where(shown, num_candidates, distance)
        nearest = tf.argmin(distance, axis=1, output_type=tf.int32)
        positions.append(tf.where(position < 0, position, nearest))
        shown |= candidates == positions[-1][:, tf.newaxis]
    return tf.stack(positions, axis=1)


def _parts_by_name(nest: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The parts of nested dicts and tuples, or of spaces of them, by their joined names."""
    if not isinstance(nest, (Mapping, tuple, spaces.Tuple)):
        yield name, nest
        return
    for key, part in nest.items() if isinstance(nest, Mapping) else enumerate(nest):
        yield from _parts_by_name(part, f"{name}/{key}" if name else str(key))


def _keys(observation: Observation) -> dict[str, Nest]:
    return {
        "user": observation.user,
        "doc": observation.documents,
        "response": observation.response,
    }


def _by_name(nest: Nest, of_dict: Callable, of_tuple: Callable) -> Any:
    nest = fields_of(nest) or nest
    if isinstance(nest, dict):
        # Gymnasium has no space for an empty part, such as the words of users who do not speak.
        return of_dict(
            {
                name: _by_name(part, of_dict, of_tuple)
                for name, part in nest.items()
                if not isinstance(part, tuple) or part
            }
        )
    if isinstance(nest, (tuple, list)):
        return of_tuple([_by_name(part, of_dict, of_tuple) for part in nest])
    return nest


def _leaf_space(spec: tf.TensorSpec) -> spaces.Space:
    shape, dtype = spec.shape.as_list(), spec.dtype.as_numpy_dtype
    if spec.dtype.is_bool:
        return spaces.Box(0, 1, shape, dtype)
    low, high = (np.broadcast_to(end, shape) for end in turns.limits(spec))
    if spec.dtype.is_integer:
        if not (np.any(low == spec.dtype.min) or np.any(high == spec.dtype.max)):
            number = high.astype(np.int64) - low + 1
            return (
                spaces.MultiDiscrete(number, dtype, start=low)
                if shape
                else spaces.Discrete(int(number), start=int(low))
            )
        return spaces.Box(low, high, dtype=dtype)
    # The ends of the dtype mean that there is no bound.
    low, high = (
        np.where(end == edge, np.sign(edge) * np.inf, end)
        for end, edge in ((low, spec.dtype.min), (high, spec.dtype.max))
    )
    return spaces.Box(low.astype(dtype), high.astype(dtype), dtype=dtype)


def _arrays(value: Any, spec: Nest, name: str) -> Nest:
    if fields := fields_of(spec):
        return type(spec)(**_arrays(value, fields, name))
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
        got = f"a dict with {list(value)}" if isinstance(value, Mapping) else type(value).__name__
        raise ValueError(f"{name} must be a dict with {key}, got {got}")
    return value[key]
