# SPDX-License-Identifier: Apache-2.0
"""Frames as rows of numbers, so that one table holds all that a replay keeps."""

import math

import tensorflow as tf

from recsim_tf.core import nests
from recsim_tf.core.base.bounds import BoundedTensorSpec
from recsim_tf.core.base.types import Nest
from recsim_tf.core.targets import only_cpu

# A row of whole tiles keeps a TPU from laying the table out anew for each reader.
_TILE = 128
# A float32 holds each integer up to this one.
_LARGEST = 2**24
# Elements of these dtypes are numbers of float32.
_EXACT = {tf.float32, tf.float16, tf.bfloat16, tf.bool, tf.int8, tf.uint8, tf.int16, tf.uint16}


class FrameRows:
    """The layout of rows of float32 that hold a nest of tensors, bit by bit.

    A float32 holds any number of 16 bits, and integers up to 2^24. So a number of 32 or 64 bits
    that is not a float32 takes a place in the row for each 16 of its bits, unless its spec is
    bounded by 2^24. On an accelerator the width is a multiple of 128.

    Args:
      spec: a nest of specs of a frame, without its outer axes.

    Attributes:
      width: numbers in a row.
    """

    def __init__(self, spec: Nest):
        self._spec = spec
        self._widths = [leaf.shape.num_elements() * _places(leaf) for leaf in tf.nest.flatten(spec)]
        tile = 1 if only_cpu() else _TILE
        self.width = math.ceil(sum(self._widths) / tile) * tile
        self._padding = self.width - sum(self._widths)

    def encode(self, frames: Nest) -> tf.Tensor:
        """Rows [B, width] of frames, a nest of [B, ...]."""
        number = nests.num_rows(frames)
        parts = [
            tf.reshape(_encoded(leaf, spec), [number, width])
            for leaf, spec, width in zip(
                tf.nest.flatten(frames), tf.nest.flatten(self._spec), self._widths, strict=True
            )
        ]
        return tf.pad(tf.concat(parts, axis=-1), [[0, 0], [0, self._padding]])

    def decode(self, rows: tf.Tensor) -> Nest:
        """The frames, a nest of [..., *shape], in rows [..., width]."""
        *parts, _ = tf.split(rows, [*self._widths, self._padding], axis=-1)
        specs = tf.nest.flatten(self._spec)
        leaves = [_decoded(part, leaf) for part, leaf in zip(parts, specs, strict=True)]
        return tf.nest.pack_sequence_as(self._spec, leaves)


def _places(spec: tf.TensorSpec) -> int:
    """Numbers of float32 that hold a number of the spec."""
    if spec.dtype in _EXACT:
        return 1
    is_small = (
        spec.dtype.is_integer
        and isinstance(spec, BoundedTensorSpec)
        and max(-float(spec.minimum.min()), float(spec.maximum.max())) <= _LARGEST
    )
    return 1 if is_small else spec.dtype.size // 2


def _encoded(leaf: tf.Tensor, spec: tf.TensorSpec) -> tf.Tensor:
    return tf.cast(leaf if _places(spec) == 1 else tf.bitcast(leaf, tf.uint16), tf.float32)


def _decoded(part: tf.Tensor, spec: tf.TensorSpec) -> tf.Tensor:
    shape = [*part.shape[:-1], *spec.shape]
    if _places(spec) == 1:
        return tf.reshape(tf.cast(part, spec.dtype), shape)
    words = tf.reshape(tf.cast(part, tf.uint16), [*shape, _places(spec)])
    return tf.bitcast(words, spec.dtype)
