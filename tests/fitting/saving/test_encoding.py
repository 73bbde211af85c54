# SPDX-License-Identifier: Apache-2.0
"""Values of models as JSON and arrays, and back again."""

import json

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.core.base.bounds import Bounds, bounded_specs
from recsim_tf.fitting.saving.encoding import Decoder, Encoder


def again(value):
    encoder = Encoder()
    content = json.loads(json.dumps(encoder.encode("simulator.query_spec", value)))
    return Decoder(encoder.arrays, ()).decode("simulator.query_spec", content)


@pytest.mark.parametrize(
    ("spec", "bounds"),
    [
        (tf.TensorSpec([], tf.int32), Bounds(-1, 6)),
        (tf.TensorSpec([3], tf.float32), Bounds(-0.5, 0.25)),
        (tf.TensorSpec([3], tf.float64), Bounds([-1.0, 0.0, 1.0], [2.0, np.inf, 4.0])),
        (tf.TensorSpec([2], tf.int64), Bounds(None, 9)),
        (tf.TensorSpec([2], tf.float32), Bounds(0.0, None)),
    ],
    ids=["integer", "floats", "one for each", "no low", "no high"],
)
def test_bounds_of_a_spec_come_back(spec, bounds):
    bounded = bounded_specs("query", spec, bounds)
    loaded = again(bounded)
    assert loaded == bounded
    assert (loaded.name, loaded.shape, loaded.dtype) == ("query", spec.shape, spec.dtype)
    for name, bound in (("minimum", bounds.low), ("maximum", bounds.high)):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(bounded, name))
        if bound is not None:
            np.testing.assert_array_equal(getattr(loaded, name), bound)


def test_a_spec_without_bounds_comes_back_without_them():
    for spec in (tf.TensorSpec([2, 3], tf.float32, "scores"), tf.TensorSpec([], tf.int64)):
        loaded = again(spec)
        assert loaded == spec
        assert loaded.name == spec.name
        assert not hasattr(loaded, "minimum")
