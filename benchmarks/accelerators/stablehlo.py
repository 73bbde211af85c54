"""Functions that XLA compiles, as StableHLO: a text that any XLA runtime compiles and runs without
TensorFlow.
"""

import math
import re
from typing import NamedTuple

import numpy as np
import tensorflow as tf


class Program(NamedTuple):
    """A function of its arguments and then of the variables that it reads."""

    text: str
    # (input, output) of the variables that it assigns.
    updates: list[tuple[int, int]]


def export(function, arguments, name: str) -> Program:
    """The program of a function.

    Args:
      function: a `tf.function` with `jit_compile=True`.
      arguments: tensors of static shapes.
      name: of the module.

    Raises:
      RuntimeError: if this TensorFlow has no StableHLO.
    """
    try:
        text = function.experimental_get_compiler_ir(*arguments)(stage="stablehlo")
    except ValueError as error:
        raise RuntimeError(f"TensorFlow {tf.__version__} did not export {name}: {error}") from error
    updates = [
        (int(number), int(output))
        for number, output in re.findall(
            r"parameter_number = (\d+) : i64\}, output_index = array<i64: (\d+)>", text
        )
    ]
    # Not StableHLO's: TensorFlow copies what a loop both carries and gives.
    text = re.sub(
        r"mhlo\.copy (%\S+) : (tensor<[^>]*>)", r"stablehlo.convert \1 : (\2) -> \2", text
    )
    # What comes out of the HLO has a constant for every use and dead code. Printing it again also
    # drops the places in Python sources.
    text = tf.mlir.experimental.run_pass_pipeline(text, "inline,canonicalize,cse,symbol-dce")
    module = re.sub(r"\W", "_", name.lower())
    # These attributes are not StableHLO's own and say nothing here; the module's name counts the
    # functions of the process.
    text = re.sub(r" \{mhlo\.frontend_attributes = \{[^{}]*\}\}", "", text)
    text = re.sub(
        r"^module @\S+ attributes \{.*\} \{$",
        f"module @{module} {{",
        text,
        count=1,
        flags=re.MULTILINE,
    )
    text = re.sub(
        r'(%\w+) = stablehlo\.constant dense<"0x(\w+)"> : tensor<([0-9x]+)xi1>',
        _portable_booleans,
        text,
    )
    return Program(text, updates)


def _portable_booleans(constant: re.Match) -> str:
    """A long boolean constant as one of bytes: how booleans are packed into hexadecimal digits
    depends on the version of MLIR.
    """
    result, digits, shape = constant.groups()
    count = math.prod(int(size) for size in shape.split("x"))
    values = np.unpackbits(
        np.frombuffer(bytes.fromhex(digits), np.uint8), count=count, bitorder="little"
    )
    numbers = (
        f'{result}_bytes = stablehlo.constant dense<"0x{values.tobytes().hex().upper()}"> :'
        f" tensor<{shape}xui8>"
    )
    return (
        f"{numbers}\n    {result} = stablehlo.convert {result}_bytes : (tensor<{shape}xui8>) ->"
        f" tensor<{shape}xi1>"
    )
