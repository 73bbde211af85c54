# SPDX-License-Identifier: Apache-2.0
"""Nests of tensors as single vectors, since a call of a graph costs time for each tensor."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.types import Nest


class Words:
    """The places of the leaves of a nest in one vector, float32 [W].

    The vector has the bits of numbers of 32 or 64 bits, and the values of booleans and of narrower
    numbers, which float32 holds exactly.

    Args:
      nest: tensors or specs of static shapes and of numeric dtypes.
    """

    def __init__(self, nest: Nest):
        self.specs = tf.nest.map_structure(lambda leaf: tf.TensorSpec(leaf.shape, leaf.dtype), nest)
        leaves = tf.nest.flatten(self.specs)
        self._sizes = [leaf.shape.num_elements() * _num_words(leaf.dtype) for leaf in leaves]
        ends = np.cumsum([0, *self._sizes]).tolist()
        self._places = [
            _Place(begin, end, leaf.shape.as_list(), leaf.dtype.as_numpy_dtype, leaf.dtype.size < 4)
            for begin, end, leaf in zip(ends[:-1], ends[1:], leaves, strict=True)
        ]
        self._assembled = _assembling(tf.nest.pack_sequence_as(nest, range(len(leaves))))

    @property
    def spec(self) -> tf.TensorSpec:
        """The spec of the vector."""
        return tf.TensorSpec([sum(self._sizes)], tf.float32)

    def packed(self, nest: Nest) -> tf.Tensor:
        """The vector of a nest of tensors."""
        return tf.concat([_as_words(leaf) for leaf in tf.nest.flatten(nest)], axis=0)

    def tensors(self, vector: tf.Tensor) -> Nest:
        """The nest of a vector, as tensors."""
        parts = tf.split(vector, self._sizes)
        leaves = map(_from_words, parts, tf.nest.flatten(self.specs))
        return tf.nest.pack_sequence_as(self.specs, list(leaves))

    def arrays(self, vector: np.ndarray) -> Any:
        """The nest of a vector, as arrays in dicts and tuples."""
        return self._assembled([place.array(vector) for place in self._places])


class _Place(NamedTuple):
    """The place of an array in a vector of words."""

    begin: int
    end: int
    shape: list[int]
    dtype: type
    is_narrow: bool  # if each word has a value and not the bits of a number

    def array(self, vector: np.ndarray) -> np.ndarray:
        """The array in this place, a view where the words are its bits."""
        part = vector[self.begin : self.end]
        if self.is_narrow:
            return part.astype(self.dtype).reshape(self.shape)
        return part.view(self.dtype).reshape(self.shape)


def _as_words(leaf: tf.Tensor) -> tf.Tensor:
    if leaf.dtype.size < 4:
        leaf = tf.cast(leaf, tf.float32)
    if leaf.dtype != tf.float32:
        leaf = tf.bitcast(leaf, tf.float32)
    return leaf if leaf.shape.rank == 1 else tf.reshape(leaf, [-1])


def _from_words(words: tf.Tensor, spec: tf.TensorSpec) -> tf.Tensor:
    shape = spec.shape.as_list() + [2] * (spec.dtype.size == 8)
    numbers = words if len(shape) == 1 else tf.reshape(words, shape)
    if spec.dtype.size < 4:
        return tf.cast(numbers, spec.dtype)
    return numbers if spec.dtype == tf.float32 else tf.bitcast(numbers, spec.dtype)


def _num_words(dtype: tf.DType) -> int:
    return max(1, dtype.size // 4)


def _assembling(numbers: Any) -> Callable[[list], Any]:
    """The function that puts leaves into the dicts and tuples of their numbers."""
    if isinstance(numbers, dict):
        parts = {name: _assembling(part) for name, part in numbers.items()}
        return lambda leaves: {name: part(leaves) for name, part in parts.items()}
    if isinstance(numbers, tuple):
        items = [_assembling(part) for part in numbers]
        return lambda leaves: tuple([part(leaves) for part in items])
    return lambda leaves: leaves[numbers]
