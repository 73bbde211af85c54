# SPDX-License-Identifier: Apache-2.0
"""Rows of float32 that hold frames of any dtype."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.core.base.bounds import BoundedTensorSpec
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.targets import for_accelerators
from recsim_tf.training.frame_rows import FrameRows

EXTREMES = {
    tf.float32: [np.nan, -np.inf, 1e-45, 3.4e38],
    tf.float64: [np.nan, 1e-320, -1e308, 0.1],
    tf.bfloat16: [0.5, -2.0, 0.0, 256.0],
    tf.bool: [True, False, True, True],
    tf.uint8: [0, 255, 7, 128],
    tf.int32: [-(2**31), 2**31 - 1, -1, 2**24 + 1],
    tf.uint32: [0, 2**32 - 1, 5, 2**31],
    tf.int64: [-(2**63), 2**63 - 1, -1, 2**53 + 1],
}
FRAMES = {dtype.name: tf.constant([[x, x]] * 3, dtype) for dtype, x in EXTREMES.items()}
SPEC = {name: tf.TensorSpec(leaf.shape[1:], leaf.dtype) for name, leaf in FRAMES.items()}


@pytest.mark.parametrize("jit_compile", [False, True])
def test_frames_come_back_bit_by_bit(jit_compile):
    rows = FrameRows(SPEC)
    assert rows.width == 8 * (1 + 4 + 1 + 1 + 1 + 2 + 2 + 4)
    decoded = compiled(lambda frames: rows.decode(rows.encode(frames)), jit_compile=jit_compile)(
        FRAMES
    )
    for name, leaf in FRAMES.items():
        assert decoded[name].dtype == leaf.dtype
        assert decoded[name].numpy().tobytes() == leaf.numpy().tobytes(), name


def test_rows_of_an_accelerator_are_whole_tiles():
    with for_accelerators():
        rows = FrameRows(SPEC)
    assert rows.width == 128
    encoded = rows.encode(FRAMES)
    assert encoded.shape == [3, 128]
    np.testing.assert_array_equal(rows.decode(encoded)["int32"], FRAMES["int32"])


@pytest.mark.parametrize(("limit", "width"), [(2**24, 3), (2**24 + 1, 6)])
def test_bounded_integers_take_one_place_each_where_a_float32_holds_them(limit, width):
    rows = FrameRows(BoundedTensorSpec([3], tf.int32, -limit, limit))
    assert rows.width == width
    frames = tf.constant([[-limit, 0, limit], [limit - 1, -1, 7]])
    np.testing.assert_array_equal(rows.decode(rows.encode(frames)), frames)
