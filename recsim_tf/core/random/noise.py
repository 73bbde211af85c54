# SPDX-License-Identifier: Apache-2.0
"""Standard noise that is drawn ahead: one flat block of each kind for all draws of a step.

`Noise` replaces a seed: the functions of `core.random` take the next numbers from its blocks
instead of drawing. That costs one random operation for each kind instead of one for each draw.
Above all, a loop can carry blocks. XLA on the CPU fuses an operation into the operation that reads
it. Random bits and quantile functions are then not computed in vector registers, which makes them
three to five times slower. XLA computes the values that a loop carries separately.
"""

import math
from collections.abc import Callable, Mapping

import tensorflow as tf

# Keys are a kind of noise ("uniform" or "normal") and the name of its dtype, as "normal/float32".
# Values are flat blocks, or their lengths.
Blocks = Mapping[str, tf.Tensor]
Lengths = Mapping[str, int]


class Noise:
    """Blocks from which numbers are taken in the order of the calls.

    Args:
      blocks: flat blocks by kind and dtype, at least as long as the numbers that are taken; or [S,
        length], the blocks of S seeds.
      new_seed: gives another seed, int32 [2] or [S, 2], at each call, for draws that cannot use
        blocks.
    """

    def __init__(self, blocks: Blocks, new_seed: Callable[[], tf.Tensor]):
        self._blocks = blocks
        self.new_seed = new_seed
        self.taken: dict[str, int] = {}  # numbers of each kind

    def take(self, kind: str, shape: tf.TensorShape, dtype: tf.DType) -> tf.Tensor:
        """The next numbers, in a static shape [...], or [S, ...] for S seeds."""
        name = f"{kind}/{dtype.name}"
        first = self.taken.get(name, 0)
        self.taken[name] = end = first + math.prod(shape.as_list())
        numbers = self._next(name, first, end, dtype)
        return tf.reshape(numbers, [*numbers.shape[:-1], *shape])

    def _next(self, name: str, first: int, end: int, dtype: tf.DType):
        return self._blocks[name][..., first:end]


class Meter(Noise):
    """Gives zeros, and counts how much noise is taken."""

    def __init__(self, new_seed: Callable[[], tf.Tensor]):
        super().__init__({}, new_seed)

    def _next(self, name: str, first: int, end: int, dtype: tf.DType):
        return tf.zeros([end - first], dtype)
