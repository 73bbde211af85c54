# SPDX-License-Identifier: Apache-2.0
"""Functions that XLA compiles, as StableHLO: a text that any XLA runtime compiles and runs without
TensorFlow.
"""

import math
import re
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.support.errors import one_line


class Program(NamedTuple):
    """A function of its arguments and then of the variables that it reads."""

    text: str
    # (input, output) of the variables that it assigns
    updates: list[tuple[int, int]]

    @property
    def argument_dtypes(self) -> list[tf.DType]:
        """The dtypes of the arguments and of the variables, in the order of the program."""
        arguments = self.text.partition("@main(")[2].partition(") ->")[0]
        return [_TENSORFLOW[name] for name in re.findall(r"tensor<(?:\d+x)*(\w+)>", arguments)]


# TensorFlow's dtypes by their names in StableHLO.
_TENSORFLOW = {
    **{f"i{bits}": tf.as_dtype(f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"ui{bits}": tf.as_dtype(f"uint{bits}") for bits in (8, 16, 32, 64)},
    **{f"f{bits}": tf.as_dtype(f"float{bits}") for bits in (16, 32, 64)},
    **{"i1": tf.bool, "bf16": tf.bfloat16},
}
# Digits of a constant from which on it is worth a shorter form.
_LONG = 4096
_DTYPES = {"ui8": "u1", "i32": "<i4", "ui32": "<u4", "f32": "<f4", "i64": "<i8", "ui64": "<u8"}


def compiled_by_xla(function, arguments, name: str, stage: str):
    """The program of a function at a stage of `tf.function.experimental_get_compiler_ir`. Raises a
    ValueError if XLA does not compile it, or if this TensorFlow has no such stage.
    """
    try:
        return function.experimental_get_compiler_ir(*arguments)(stage=stage)
    except (ValueError, tf.errors.OpError) as error:
        if "Invalid stage" in str(error):
            raise ValueError(
                f"TensorFlow must be 2.19 or later to export programs, got {tf.__version__}"
            ) from error
        reason = one_line(ValueError(str(error).partition("\n")[0]))
        raise ValueError(
            f"{name} must be a function that XLA of TensorFlow {tf.__version__} compiles: {reason}"
        ) from error


def export(function, arguments, name: str, num_users: int = 1) -> Program:
    """The program of a function.

    What is the same for all users is a constant of as many rows in what TensorFlow gives. Here it
    is one row that is broadcast, and the numbers of users are counted, so that a program does not
    grow with them.

    Args:
      function: a `tf.function` with `jit_compile=True`.
      arguments: tensors or specs of static shapes.
      name: of the module.
      num_users: that the function simulates.

    Raises:
      ValueError: if XLA does not compile the function, or only with dynamic shapes; or if this
        TensorFlow has no StableHLO.
    """
    text = compiled_by_xla(function, arguments, name, "stablehlo")
    if "tensor<?" in text or "x?" in text:
        raise ValueError(f"{name} must have static shapes, got a shape that depends on values")
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
    # The error function is of CHLO, the part of StableHLO for functions that are made of others.
    text = re.sub(r"mhlo\.erf (%\S+) : (tensor<[^>]*>)", r"chlo.erf \1 : \2 -> \2", text)
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
    text = re.sub(
        rf'(%\w+) = stablehlo\.constant dense<"0x(\w{{{_LONG},}})"> :'
        rf" tensor<([0-9x]+)x({'|'.join(_DTYPES)})>",
        lambda constant: _short_form(constant, num_users),
        text,
    )
    return Program(text, updates)


def _short_form(constant: re.Match, num_users: int) -> str:
    """A long constant as rows that are the same for all users, or as a sequence with a constant
    step, if it is one of them.
    """
    result, digits, shape, dtype = constant.groups()
    values = np.frombuffer(bytes.fromhex(digits), _DTYPES[dtype])
    whole = f"tensor<{shape}x{dtype}>"
    flat = f"tensor<{values.size}x{dtype}>"
    if num_users > 1 and values.size % num_users == 0:
        rows = values.reshape(num_users, -1)
        if (rows == rows[0]).all():
            row = f"tensor<{rows.shape[1]}x{dtype}>"
            table = f"tensor<{num_users}x{rows.shape[1]}x{dtype}>"
            digits = rows[0].tobytes().hex().upper()
            return "\n    ".join(
                (
                    f'{result}_row = stablehlo.constant dense<"0x{digits}"> : {row}',
                    f"{result}_rows = stablehlo.broadcast_in_dim {result}_row, dims = [1] : ({row})"
                    f" -> {table}",
                    f"{result} = stablehlo.reshape {result}_rows : ({table}) -> {whole}",
                )
            )
    if dtype in ("i32", "i64"):
        start, step = int(values[0]), int(values[1]) - int(values[0])
        if (values == start + step * np.arange(values.size)).all():
            return "\n    ".join(
                (
                    f"{result}_count = stablehlo.iota dim = 0 : {flat}",
                    f"{result}_step = stablehlo.constant dense<{step}> : {flat}",
                    f"{result}_start = stablehlo.constant dense<{start}> : {flat}",
                    f"{result}_steps = stablehlo.multiply {result}_count, {result}_step : {flat}",
                    f"{result}_flat = stablehlo.add {result}_steps, {result}_start : {flat}",
                    f"{result} = stablehlo.reshape {result}_flat : ({flat}) -> {whole}",
                )
            )
    return constant.group()


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
