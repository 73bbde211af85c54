"""What is not portable in TensorFlow's StableHLO is written otherwise."""

import re

import numpy as np
import tensorflow as tf

from recsim_tf.core.runs import stablehlo


def _compiled(function):
    return tf.function(function, jit_compile=True, autograph=False)


def _parse(text):
    """Raises an error if TensorFlow's own parser or verifier refuses a text."""
    tf.mlir.experimental.run_pass_pipeline(text, "")


def test_the_results_that_are_new_values_of_variables_are_named():
    read, counted = tf.Variable([1.0, 2.0]), tf.Variable(3)

    def count(number):
        counted.assign_add(number)
        return tf.reduce_sum(read)

    program = stablehlo.export(_compiled(count), [tf.constant(2)], "count")
    ((place, output),) = program.updates
    assert (place in (1, 2), output) == (True, 1)
    assert program.argument_dtypes[0] == tf.int32
    assert sorted(dtype.name for dtype in program.argument_dtypes[1:]) == ["float32", "int32"]


def test_long_boolean_constants_are_written_as_bytes():
    mask = np.arange(203).reshape(7, 29) % 3 == 0
    choose = _compiled(lambda values: tf.where(mask, values, 0))
    text = stablehlo.export(choose, [tf.TensorSpec([7, 29], tf.int32)], "booleans").text
    _parse(text)
    digits, shape = re.search(r'dense<"0x(\w+)"> : tensor<(\w+)xui8>', text).groups()
    assert shape == "7x29"
    np.testing.assert_array_equal(np.frombuffer(bytes.fromhex(digits), np.uint8), mask.ravel())


def test_the_error_function_is_of_chlo():
    text = stablehlo.export(
        _compiled(lambda values: tf.math.erf(values)), [tf.TensorSpec([3], tf.float32)], "erf"
    ).text
    _parse(text)
    assert "mhlo" not in text.replace("stablehlo", "")
    assert "chlo.erf" in text
