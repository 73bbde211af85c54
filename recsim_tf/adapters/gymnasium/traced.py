"""Functions of nests of tensors that cost little to call from Python."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tree

from recsim_tf.core.execution import compiled
from recsim_tf.core.types import Nest


class Traced:
    """A function as a graph, which takes and returns few tensors.

    To pass a tensor costs the same however small it is, and for one user that is most of a step.
    So arguments are flat, and what leaves TensorFlow is packed into one vector for each dtype.

    Args:
      function: nests of tensors -> (carry, results), two nests of tensors.
      *specs: of its arguments, nests of `tf.TensorSpec` with static shapes.
      of_one: whether results are without their first axis, which has length 1.

    Attributes:
      carry: nest of `tf.TensorSpec`, of the first result.
    """

    def __init__(self, function: Callable[..., tuple[Nest, Nest]], *specs: Nest, of_one: bool):
        self.carry: Nest = None

        def flat(*tensors):
            carry, results = function(*tf.nest.pack_sequence_as(specs, tensors))
            self.carry = tf.nest.map_structure(tf.TensorSpec.from_tensor, carry)
            self._unpack = _Unpacking(results, of_one)
            return tf.nest.flatten(carry), _pack(results)

        self._call = compiled(flat).get_concrete_function(*tf.nest.flatten(specs))

    def __call__(self, *tensors: tf.Tensor) -> tuple[list[tf.Tensor], Any]:
        """The carry as a list of tensors, and the results as arrays that are nobody else's.

        Args:
          *tensors: the arguments, flat.
        """
        carry, vectors = self._call(*tensors)
        return carry, self._unpack([vector.numpy() for vector in vectors])


def _pack(nest: Nest) -> list[tf.Tensor]:
    """The tensors of a nest as one vector for each dtype."""
    by_dtype: dict[tf.DType, list[tf.Tensor]] = {}
    for leaf in tree.flatten(nest):
        by_dtype.setdefault(leaf.dtype, []).append(tf.reshape(leaf, [-1]))
    return [tf.concat(leaves, axis=0) for leaves in by_dtype.values()]


class _Place(NamedTuple):
    vector: int
    start: int
    stop: int
    shape: tuple[int, ...]


class _Unpacking:
    """Finds the leaves of a nest in the vectors of `_pack`."""

    def __init__(self, nest: Nest, of_one: bool):
        self._structure = tree.map_structure(lambda _: None, nest)
        self._places = []
        lengths: dict[tf.DType, int] = {}
        for leaf in tree.flatten(nest):
            start = lengths.setdefault(leaf.dtype, 0)
            stop = lengths[leaf.dtype] = start + leaf.shape.num_elements()
            vector = list(lengths).index(leaf.dtype)
            self._places.append(_Place(vector, start, stop, tuple(leaf.shape)[int(of_one) :]))

    def __call__(self, vectors: list[np.ndarray]) -> Any:
        return tree.unflatten_as(
            self._structure,
            [vectors[at.vector][at.start : at.stop].reshape(at.shape) for at in self._places],
        )
