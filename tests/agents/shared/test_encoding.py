from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import tensor_spec

from recsim_tf.agents.shared import encoding


class Features(NamedTuple):
    topic: tf.Tensor  # int32 in [2, 5]
    vector: tf.Tensor  # [2]
    tags: tf.Tensor  # int64 [2] in [0, 2]
    count: tf.Tensor  # an integer without bounds


def bounded(shape, dtype, low, high):
    return tensor_spec.BoundedTensorSpec(shape, dtype, low, high)


SPEC = Features(
    topic=bounded([], tf.int32, 2, 5),
    vector=bounded([2], tf.float64, -1.0, 1.0),
    tags=bounded([2], tf.int64, 0, 2),
    count=tf.TensorSpec([], tf.int32),
)
VALUES = Features(
    topic=tf.constant([2, 5]),
    vector=tf.constant([[0.5, -1.0], [0.25, 0.0]], tf.float64),
    tags=tf.constant([[0, 2], [1, 1]], tf.int64),
    count=tf.constant([7, -3]),
)
ENCODED = np.float32(
    [
        [1, 0, 0, 0, 0.5, -1.0, 1, 0, 0, 0, 0, 1, 7],
        [0, 0, 0, 1, 0.25, 0.0, 0, 1, 0, 0, 1, 0, -3],
    ]
)


def test_bounded_integers_become_one_hot_and_everything_else_is_flattened():
    encoded = encoding.encode(VALUES, SPEC, 1)
    assert encoded.dtype == tf.float32
    np.testing.assert_array_equal(encoded, ENCODED)


def test_the_encoded_size_is_the_length_of_the_vector():
    assert encoding.encoded_size(SPEC) == ENCODED.shape[-1]
    assert [encoding.encoded_size(spec) for spec in SPEC] == [4, 2, 6, 1]


def test_documents_are_encoded_one_by_one():
    documents = tf.nest.map_structure(lambda leaf: tf.stack([leaf, leaf[::-1], leaf]), VALUES)
    np.testing.assert_array_equal(
        encoding.encode(documents, SPEC, 2), np.stack([ENCODED, ENCODED[::-1], ENCODED])
    )


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
@pytest.mark.parametrize("ends", ["neither", "low", "high"])
def test_integers_without_both_bounds_stay_numbers(dtype, ends):
    spec = bounded(
        [], dtype, -5 if ends == "low" else dtype.min, 5 if ends == "high" else dtype.max
    )
    assert encoding.encoded_size(spec) == 1
    np.testing.assert_array_equal(
        encoding.encode(tf.constant([4, -2], dtype), spec, 1), [[4], [-2]]
    )


def test_the_spec_of_one_document_keeps_dtype_and_bounds():
    documents = Features(
        topic=bounded([6], tf.int32, 2, 5),
        vector=bounded([6, 2], tf.float64, -1.0, 1.0),
        tags=bounded([6, 2], tf.int64, 0, 2),
        count=tf.TensorSpec([6], tf.int32),
    )
    for got, expected in zip(encoding.element_spec(documents), SPEC, strict=True):
        assert type(got) is type(expected)
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
        if isinstance(expected, tensor_spec.BoundedTensorSpec):
            assert (got.minimum, got.maximum) == (expected.minimum, expected.maximum)


def test_an_observation_without_content_is_one_zero():
    spec = tf.TensorSpec([0], tf.float32)
    assert encoding.encoded_size(spec) == 1
    np.testing.assert_array_equal(encoding.encode(tf.zeros([3, 0]), spec, 1), np.zeros([3, 1]))
