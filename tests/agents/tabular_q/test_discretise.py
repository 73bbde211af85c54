from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import tensor_spec

from recsim_tf.agents.tabular_q import ObservationDigits


class Parts(NamedTuple):
    topic: tf.Tensor
    vector: tf.Tensor


def bounded(shape, dtype, low, high, name="quality"):
    return tensor_spec.BoundedTensorSpec(shape, dtype, low, high, name)


@pytest.mark.parametrize(
    ("bounds", "number_bins", "dtype", "jit_compile"),
    [
        ((0, 10), 100, tf.float32, True),
        ((-1.0, 1.0), 7, tf.float64, True),
        ((0.1, 0.7), 1000, tf.float32, False),
        ((1000.0, 1001.0), 50, tf.float64, False),
        ((0, 10), 1, tf.float32, False),
    ],
)
def test_the_digits_of_numbers_are_those_of_numpy(bounds, number_bins, dtype, jit_compile):
    kind = dtype.as_numpy_dtype
    edges = np.linspace(*bounds, number_bins)
    near = edges.astype(kind)
    # Next to zero lie numbers that TensorFlow takes for zero.
    tiny = np.where(near == 0, np.finfo(kind).tiny, 0)
    neighbours = [
        np.nextafter(near, kind(end)) + sign * tiny for end, sign in ((np.inf, 1), (-np.inf, -1))
    ]
    random = np.random.default_rng(0).uniform(bounds[0] - 1, bounds[1] + 1, 500)
    values = np.concatenate([near, *neighbours, random, [-np.inf, -1e30, 1e30, np.inf]])
    values = values.astype(kind)
    digits = ObservationDigits(bounded([], dtype, -5.0, 5.0), bounds, number_bins)
    (found,) = tf.function(
        lambda: digits(tf.constant(values), 1), jit_compile=jit_compile, autograph=False
    )()
    np.testing.assert_array_equal(found[:, 0], np.digitize(values.astype(np.float64), edges))
    assert digits.sizes == (number_bins + 1,)
    assert (found[:, 0].numpy().min(), found[:, 0].numpy().max()) == (0, number_bins)


def test_bounded_integers_are_their_own_digits_and_each_element_has_one():
    spec = Parts(topic=bounded([2], tf.int32, 3, 6), vector=bounded([3], tf.float32, -1.0, 1.0))
    digits = ObservationDigits(spec, (0, 10), 11)
    assert digits.sizes == (4, 4, 12, 12, 12)
    values = Parts(
        topic=tf.constant([[3, 6], [5, 4]]),
        vector=tf.constant([[-1.0, 0.0, 0.5], [1.0, 9.9, 10.0]]),
    )
    topic, vector = digits(values, 1)
    np.testing.assert_array_equal(topic, [[0, 3], [2, 1]])
    np.testing.assert_array_equal(vector, [[0, 1, 1], [2, 10, 11]])
    sums = digits.weighted_sum(values, 1, np.array([10_000, 1000, 100, 10, 1]), tf.int32)
    np.testing.assert_array_equal(sums, [3000 + 11, 21_000 + 200 + 100 + 11])


def test_integers_outside_their_bounds_take_the_nearest_digit():
    # The zeros before the first response of a session, where ids begin at 3.
    (found,) = ObservationDigits(bounded([], tf.int64, 3, 6), (0, 10), 11)(
        tf.constant([0, 9], tf.int64), 1
    )
    np.testing.assert_array_equal(found, [[0], [3]])


def test_integers_without_bounds_are_cut_into_intervals():
    (found,) = ObservationDigits(tf.TensorSpec([], tf.int32), (0, 10), 6)(
        tf.constant([-1, 0, 1, 2, 10, 2**31 - 1]), 1
    )
    np.testing.assert_array_equal(found[:, 0], [0, 1, 1, 2, 6, 6])


def test_each_part_can_be_cut_by_its_own_bounds():
    spec = Parts(
        topic=bounded([], tf.float32, 0.0, 1.0), vector=bounded([2], tf.float32, -2.0, 2.0)
    )
    topic, vector = ObservationDigits(spec, None, 3)(
        Parts(tf.constant([0.5]), tf.constant([[0.5, -0.1]])), 1
    )
    np.testing.assert_array_equal(topic, [[2]])
    np.testing.assert_array_equal(vector, [[2, 1]])
