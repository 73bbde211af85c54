# SPDX-License-Identifier: Apache-2.0
"""Cells of tables and files. A fault is `Faulty`."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

# Cells of a file of separated values that count as empty.
EMPTY = ("", "NA", "nan", "null", "None")


class Faulty(Exception):  # noqa: N818
    """The input is not what the documentation says."""


def require(holds: Any) -> None:
    if not holds:
        raise Faulty


def found_or_none(find: Callable[[], Any]) -> Any:
    """What a reference finds; None for a faulty input."""
    try:
        return find()
    except Faulty:
        return None


def is_empty(cell: Any) -> bool:
    """Whether a cell is missing; an empty text is."""
    return cell is None or cell == "" or (isinstance(cell, float) and math.isnan(cell))


def number(cell: Any) -> float:
    """A finite number, which may be text."""
    try:
        value = float(cell)
    except (TypeError, ValueError, OverflowError):
        raise Faulty from None
    require(math.isfinite(value))
    return value


def whole(cell: Any, low: float = -(2**53), high: float = 2**53) -> int:
    value = number(cell)
    require(value == int(value) and low <= value < high)
    return int(value)


def float32(cell: Any) -> np.float32:
    """A number that float32 can hold; it rounds fractions and no large whole number."""
    exact = number(cell)
    with np.errstate(over="ignore", under="ignore"):
        value = np.float32(exact)
    require(np.isfinite(value))
    require(float(value) == exact or abs(exact) <= 2**24 or exact != math.floor(exact))
    return value


def flag(cell: Any) -> bool:
    text = str(cell).lower()
    value = number({"true": 1, "false": 0}.get(text, cell))
    require(value in (0, 1))
    return value == 1


def identity(cell: Any) -> str:
    """The text of a cell that is an id: 7, 7.0 and "7" are one."""
    require(not is_empty(cell) and cell.__hash__)
    if isinstance(cell, float):
        require(abs(cell) < 2**53)
        cell = int(cell) if cell == int(cell) else cell
    return str(cell)


def is_utf8(text: Any) -> bool:
    try:
        return isinstance(text, str) and bool(text.encode() or True)
    except UnicodeEncodeError:
        return False


def records(header: list[str], rows: list[list[str]], needed: tuple[str, ...]) -> list[dict]:
    """The rows by the names of their columns."""
    require(rows and all(header.count(name) == 1 for name in needed))
    require(all(len(row) == len(header) for row in rows))
    return [dict(zip(header, row, strict=True)) for row in rows]
