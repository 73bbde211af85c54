# SPDX-License-Identifier: Apache-2.0
import contextlib
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.core import nests
from recsim_tf.core.targets import for_accelerators


class Leaves(NamedTuple):
    numbers: tf.Tensor
    flags: tf.Tensor
    vectors: tf.Tensor


def leaves(num_candidates):
    numbers = tf.random.stateless_uniform([3, num_candidates], [0, 1])
    return Leaves(
        numbers, numbers > 0.5, tf.random.stateless_normal([3, num_candidates, 2], [0, 2])
    )


@pytest.mark.parametrize("target", ["", "gpu", "tpu"])
@pytest.mark.parametrize("num_candidates", [5, 64, 65])
def test_take_selects_documents_by_position(num_candidates, target):
    nest = leaves(num_candidates)
    positions = np.array([[0, num_candidates - 1], [2, 2], [4, 1]])
    with for_accelerators(target) if target else contextlib.nullcontext():
        taken = nests.take(nest, tf.constant(positions, tf.int32))
    rows = np.arange(3)[:, np.newaxis]
    for leaf, expected in zip(taken, nest, strict=True):
        assert leaf.dtype == expected.dtype
        np.testing.assert_array_equal(leaf, expected.numpy()[rows, positions])


def test_take_selects_documents_of_a_number_of_users_that_is_not_known():
    nest = leaves(5)
    specs = tf.nest.map_structure(
        lambda leaf: tf.TensorSpec([None, *leaf.shape[1:]], leaf.dtype), nest
    )
    positions = tf.constant([[0, 4], [2, 2], [4, 1]])
    take = tf.function(nests.take, [specs, tf.TensorSpec([None, 2], tf.int32)], autograph=False)
    for leaf, expected in zip(take(nest, positions), nests.take(nest, positions), strict=True):
        np.testing.assert_array_equal(leaf, expected)


@pytest.mark.parametrize("target", ["", "gpu", "tpu"])
def test_take_keeps_infinities_and_nans_to_their_own_position(target):
    numbers = tf.constant([[1.0, np.inf, np.nan]])
    with for_accelerators(target) if target else contextlib.nullcontext():
        taken = nests.take(numbers, tf.constant([[0, 1]]))
    np.testing.assert_array_equal(taken, [[1.0, np.inf]])
    assert nests.take((), tf.constant([[0, 1]])) == ()


def test_where_chooses_whole_rows():
    first, second = leaves(4), leaves(4)
    second = tf.nest.map_structure(tf.zeros_like, second)
    chosen = nests.where(tf.constant([True, False, True]), first, second)
    for leaf, expected in zip(chosen, first, strict=True):
        np.testing.assert_array_equal(leaf.numpy()[[0, 2]], expected.numpy()[[0, 2]])
        np.testing.assert_array_equal(leaf[1], np.zeros_like(expected[1]))
    assert nests.where(tf.constant([True]), (), ()) == ()


def test_batch_size_zeros_and_steps():
    nest = leaves(4)
    assert nests.batch_size(nest) == 3
    for leaf, expected in zip(nests.zeros_like(nest), nest, strict=True):
        assert (leaf.dtype, leaf.shape) == (expected.dtype, expected.shape)
        assert not tf.cast(leaf, tf.bool).numpy().any()
    np.testing.assert_array_equal(nests.at_step(nest, 1).vectors, nest.vectors[1])


def test_the_outer_axes_are_merged_also_where_their_sizes_are_not_known():
    values = tf.range(24)
    expected = tf.reshape(values, [6, 4])
    np.testing.assert_array_equal(nests.merge_outer(tf.reshape(values, [2, 3, 4])), expected)

    @tf.function(input_signature=[tf.TensorSpec([None, None, 4], tf.int32)])
    def merged(nest):
        return nests.merge_outer(nest)

    np.testing.assert_array_equal(merged(tf.reshape(values, [2, 3, 4])), expected)
