"""Impossible values, by the kind of the argument that receives them."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

NAN, INF = math.nan, math.inf
# No float32 holds it.
_TOO_LARGE = 1e39


class Hostile(NamedTuple):
    """A value that an argument may not take, or may have no use for."""

    fault: str  # what is wrong with it; a column of the table
    value: Any
    # whether no argument of the kind may take it: accepted, it is taken in silence
    is_never_right: bool


def for_number(value: Any, may_be_none: bool) -> Iterator[Hostile]:
    """In the place of a number, or of a table of numbers."""
    valid = np.asarray(1.0 if value is None else value, np.float64)
    finite = np.where(np.isfinite(valid), valid, 1.0)
    for fault, wrong in (("nan", NAN), ("inf", INF), ("-inf", -INF), ("too large", _TOO_LARGE)):
        yield Hostile(fault, _full(finite, wrong), fault == "nan")
        yield Hostile(f"tensor of {fault}", tf.constant(_full(finite, wrong), tf.float32), False)
        if finite.size > 1:
            yield Hostile(f"{fault} in a table", _with_entry(finite, wrong), fault == "nan")
    yield Hostile("wrong sign", (-np.where(finite == 0, 1, np.abs(finite))).tolist(), False)
    yield Hostile("zero", _full(finite, 0.0), False)
    yield Hostile("huge", _full(finite, 1e30), False)
    yield Hostile("negative and huge", _full(finite, -1e30), False)
    yield Hostile("ragged table", [[1.0], [1.0, 2.0]], True)
    yield Hostile("too few rows", [finite.tolist()] * 3, True)
    yield Hostile("too many axes", [[[[[[finite.tolist()]]]]]], True)
    yield from _other_types(may_be_none)


def for_one_number(value: Any, may_be_none: bool) -> Iterator[Hostile]:
    """In the place of one number, of which there is no table."""
    valid = float(value) if isinstance(value, int | float) else 1.0
    for fault, wrong in (("nan", NAN), ("inf", INF), ("-inf", -INF), ("too large", _TOO_LARGE)):
        yield Hostile(fault, wrong, fault == "nan")
    yield Hostile("wrong sign", -(valid or 1.0), False)
    yield Hostile("zero", 0.0, False)
    yield Hostile("list", [valid, valid], True)
    yield from _other_types(may_be_none)


def for_size(may_be_none: bool) -> Iterator[Hostile]:
    """In the place of a number of things."""
    yield Hostile("zero", 0, False)
    yield Hostile("wrong sign", -1, False)
    yield Hostile("wrong sign", -3, False)
    yield Hostile("fraction", 2.5, True)
    yield Hostile("absurd size", 10**11, False)
    for fault, wrong in (("nan", NAN), ("inf", INF), ("-inf", -INF)):
        yield Hostile(fault, wrong, True)
    yield Hostile("list", [2], True)
    yield from _other_types(may_be_none)


def for_sizes() -> Iterator[Hostile]:
    """In the place of the sizes of layers."""
    for hostile in for_size(False):
        yield hostile._replace(fault=f"{hostile.fault} among sizes", value=(hostile.value,))
    for wrong in (8, "88", None, NAN, True):
        yield Hostile("no sizes", wrong, True)


def for_flag() -> Iterator[Hostile]:
    """In the place of True or False."""
    for fault, wrong in (("text", "no"), ("None", None), ("list", [True]), ("nan", NAN), ("2", 2)):
        yield Hostile(fault, wrong, True)


def for_dtype() -> Iterator[Hostile]:
    """In the place of tf.float32 or tf.float64."""
    for wrong in (tf.float16, tf.bfloat16, tf.int32, tf.bool, tf.complex64, tf.string):
        yield Hostile("dtype", wrong, True)
    for wrong in ("float16", "float99", None, int, 3, NAN):
        yield Hostile("dtype", wrong, True)


def for_text() -> Iterator[Hostile]:
    """In the place of one of several names."""
    for fault, wrong in (("text", "no such name"), ("None", None), ("nan", NAN), ("list", [])):
        yield Hostile(fault, wrong, True)


def for_seed() -> Iterator[Hostile]:
    """In the place of a seed."""
    for fault, wrong in (
        ("wrong sign", -1),
        ("absurd size", 2**64),
        ("fraction", 2.5),
        ("nan", NAN),
        ("text", "3"),
        ("list", [1, 2, 3]),
        ("complex", 1j),
    ):
        yield Hostile(fault, wrong, True)


def for_table() -> Iterator[Hostile]:
    """In the place of a table that is no parameter."""
    yield Hostile("nan", [NAN], True)
    yield Hostile("ragged table", [[1], [1, 2]], True)
    yield Hostile("wrong sign", [[-1]], False)
    yield Hostile("zero", 0, False)
    yield from _other_types(True)


def _other_types(may_be_none: bool) -> Iterator[Hostile]:
    yield Hostile("text", "much", True)
    yield Hostile("text", "3", True)
    if not may_be_none:
        yield Hostile("None", None, True)
    yield Hostile("bool", True, True)
    yield Hostile("complex", 1j, True)
    yield Hostile("empty list", [], True)
    yield Hostile("dictionary", {"value": 1.0}, True)
    yield Hostile("function", len, True)


def _full(like: np.ndarray, value: float) -> Any:
    return np.full(like.shape, value).tolist()


def _with_entry(like: np.ndarray, value: float) -> Any:
    table = like.copy()
    table.flat[-1] = value
    return table.tolist()
