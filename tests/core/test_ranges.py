# SPDX-License-Identifier: Apache-2.0
"""Parameters hold finite numbers in their range."""

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.core.base.parameters import Model
from recsim_tf.core.base.ranges import Range
from tests.refusals import assert_refused

INF = float("inf")


@pytest.mark.parametrize(
    ("ends", "value", "message"),
    [
        (Range(), np.nan, r"x must be finite, got nan$"),
        (Range(), [[1.0, 2.0], [INF, 3.0]], r"x must be finite, got inf at \[1, 0\]$"),
        (Range(low=0), -1, r"x must be at least 0, got -1$"),
        (Range(low=0), INF, r"x must be finite, got inf$"),
        (Range(low=-INF), INF, r"x must be finite or -inf, got inf$"),
        (Range(high=2), (1.0, 2.5), r"x must be at most 2, got 2\.5 at \[1\]$"),
        (Range(above=0), np.float32(0.0), r"x must be above 0, got 0\.0$"),
        (
            Range(low=0, high=1),
            tf.constant([0.5, 1.5]),
            r"x must be in \[0, 1\], got 1\.5 at \[1\]$",
        ),
        (Range(low=0, below=1), 1, r"x must be in \[0, 1\), got 1$"),
        (Range(above=0, below=1), 0, r"x must be in \(0, 1\), got 0$"),
        (Range(), "high", r"x must be numbers, got 'high'$"),
        (Range(), [0.5, None], r"x must be numbers, got \[0\.5, None\]$"),
        (Range(), [[1.0], [1.0, 2.0]], r"x must have rows of one length, got"),
    ],
)
def test_the_first_number_outside_is_named_with_its_position(ends, value, message):
    assert_refused(lambda: ends.check("x", value), message)


@pytest.mark.parametrize(
    ("ends", "value"),
    [
        (Range(low=0, high=1), [0.0, 1.0]),
        (Range(low=-INF), -INF),
        (Range(low=0, high=INF), INF),
        (Range(above=0), tf.Variable(-1.0)),
        (Range(above=0), np.zeros([0])),
    ],
)
def test_numbers_in_the_range_pass_and_variables_do(ends, value):
    ends.check("x", value)


def test_a_tensor_inside_a_graph_passes():
    @tf.function
    def trace(value):
        Range(low=0).check("x", value)
        Range(low=0).check("x", [value, 1.0])
        return value

    assert trace(tf.constant(-1.0)) == -1.0


class Gamer(Model):
    skill: float = recsim_tf.parameter(0.5, low=0, high=1)


def test_a_model_refuses_numbers_outside_the_range_of_its_parameter():
    assert Gamer(1.0).with_parameters({"skill": 0.0}).skill == 0.0
    assert_refused(lambda: Gamer(1.5), r"skill must be in \[0, 1\], got 1\.5")
    with pytest.raises(ValueError, match="skill must be finite, got nan"):
        Gamer().with_parameters({"skill": np.nan})
