# SPDX-License-Identifier: Apache-2.0
"""What is not portable in TensorFlow's StableHLO is written otherwise."""

import re

import numpy as np
import pytest
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


_LINE = re.compile(r"(%\w+) = stablehlo\.(\w+) (.*) : (?:.*-> )?tensor<((?:\d+x)+)(\w+)>")


def _constants(text):
    """The last value of the lines of a text that make a constant, in NumPy."""
    values = {}
    for name, operation, arguments, shape, dtype in _LINE.findall(text):
        shape = tuple(map(int, shape.split("x")[:-1]))
        operands = [values[operand] for operand in re.findall(r"%\w+", arguments)]
        match operation:
            case "constant" if '"' in arguments:
                digits = bytes.fromhex(re.search(r"0x(\w+)", arguments).group(1))
                value = np.frombuffer(digits, stablehlo._DTYPES[dtype]).reshape(shape)
            case "constant":
                value = np.full(shape, int(re.search(r"dense<(.*)>", arguments).group(1)))
            case "iota":
                value = np.arange(*shape)
            case "broadcast_in_dim":
                assert "dims = [1]" in arguments
                value = np.broadcast_to(*operands, shape)
            case "reshape":
                value = operands[0].reshape(shape)
            case "multiply":
                value = operands[0] * operands[1]
            case "add":
                value = operands[0] + operands[1]
            case _:
                raise AssertionError(f"{operation} is in no short form")
        values[name] = value
    return value


_ROWS = np.random.default_rng(0).integers(-9, 9, [1, 5, 300])


@pytest.mark.parametrize(
    ("values", "num_users", "most_characters"),
    [
        (np.tile(_ROWS, (4, 1, 1)).astype(np.float32), 4, 2 * 4 * 1500 + 1000),
        (np.tile(_ROWS, (4, 1, 1)).astype(np.int32), 4, 2 * 4 * 1500 + 1000),
        (np.tile(_ROWS, (4, 1, 1)).astype(np.int64), 4, 2 * 8 * 1500 + 1000),
        (np.arange(6000, dtype=np.int32).reshape(4, 1500), 4, 1000),
        (7 - 3 * np.arange(6001), 1, 1000),
    ],
    ids=["float32", "int32", "int64", "count", "steps"],
)
def test_long_constants_of_rows_and_of_steps_have_the_same_values_in_a_shorter_form(
    values, num_users, most_characters
):
    """Two digits a byte, of the rows of one user alone."""
    constant = _compiled(lambda: tf.constant(values))
    text = stablehlo.export(constant, [], "long", num_users).text
    _parse(text)
    assert len(text) < most_characters
    np.testing.assert_array_equal(_constants(text), values)


@pytest.mark.parametrize("place", [0, 1, 4321, 5999])
@pytest.mark.parametrize("values", [np.tile(_ROWS, (4, 1, 1)), np.arange(6000)])
def test_a_long_constant_that_differs_in_one_place_keeps_all_values(values, place):
    values = values.astype(np.int32)
    values.flat[place] += 1
    text = stablehlo.export(_compiled(lambda: tf.constant(values)), [], "long", num_users=4).text
    assert "broadcast_in_dim" not in text
    assert "iota" not in text
    np.testing.assert_array_equal(_constants(text), values)
