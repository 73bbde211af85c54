# SPDX-License-Identifier: Apache-2.0
"""Ranges of numbers, checked where their values are known."""

import numbers
import textwrap
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

# Models compute in float32 by default, in which a larger number is an infinity.
_LARGEST = float(np.finfo(np.float32).max)
# Longer values are cut in messages.
_WIDTH = 80


class Range(NamedTuple):
    """The numbers that a parameter or another argument may hold. NaN is never allowed, and an
    infinity only if it is an end of the range. Numbers that float32 cannot hold are not allowed.
    """

    low: float | None = None  # the least number
    high: float | None = None  # the largest number
    above: float | None = None  # the exclusive lower bound
    below: float | None = None  # the exclusive upper bound

    def check(self, name: str, value: Any) -> None:
        """Requires numbers to be in the range. Variables, and tensors whose values are not known
        yet, pass.

        Args:
          name: the argument's name.
          value: a number, a table of numbers, a tensor or a variable.

        Raises:
          ValueError: for the first number outside the range, or for a value without numbers.
        """
        array = known_numbers(name, value)
        if array is None:
            return
        infinite_ends = self._infinite_ends()
        finite = " or ".join([f"{name} must be finite", *map(str, infinite_ends)])
        is_end = np.isin(array, infinite_ends)
        _require(np.isfinite(array) | is_end, array, finite)
        _require((np.abs(array) <= _LARGEST) | is_end, array, f"{finite} in float32")
        _require(self._inside(array), array, f"{name} must be {self.described()}")

    def fault(self, value: Any) -> str | None:
        """What is allowed, in words that follow "must be"; None for one number of the range. A
        variable, and a tensor whose value is not known yet, pass.
        """
        number = value
        if tf.is_tensor(value) and (value.dtype.is_floating or value.dtype.is_integer):
            number = known_numbers("value", value)
            if number is None:
                return None
        elif not isinstance(value, numbers.Real) or isinstance(value, bool):
            return self.described() or "finite"
        holds = not np.ndim(number) and self._holds(number)
        return None if holds else self.described() or "finite"

    def _holds(self, number: Any) -> bool:
        is_finite = abs(number) <= _LARGEST or number in self._infinite_ends()
        return is_finite and bool(self._inside(np.asarray(number)))

    def _infinite_ends(self) -> list[float]:
        return [end for end in (self.low, self.high) if end is not None and np.isinf(end)]

    def _inside(self, array: np.ndarray) -> np.ndarray:
        inside = np.ones(array.shape, bool)
        for end, holds in (
            (self.low, np.greater_equal),
            (self.high, np.less_equal),
            (self.above, np.greater),
            (self.below, np.less),
        ):
            if end is not None:
                inside &= holds(array, end)
        return inside

    def described(self) -> str:
        """The range in words, such as "at least 0"."""
        starts = (("at least", "[", self.low), ("above", "(", self.above))
        ends = (("at most", "]", self.high), ("below", ")", self.below))
        start, end = (
            next((end for end in alternatives if end[-1] is not None), None)
            for alternatives in (starts, ends)
        )
        if start and end:
            return f"in {start[1]}{start[2]:g}, {end[2]:g}{end[1]}"
        return " and ".join(f"{word} {number:g}" for word, _, number in filter(None, (start, end)))


def known_numbers(name: str, value: Any) -> np.ndarray | None:
    """The numbers of a parameter, or None for a variable and for a tensor whose values are not
    known yet. Raises a ValueError for a value without numbers.
    """
    values = value
    if tf.is_tensor(value):
        if not (value.dtype.is_floating or value.dtype.is_integer):
            raise ValueError(f"{name} must be numbers, got a {value.dtype.name} tensor")
        values = tf.get_static_value(value) if isinstance(value, tf.Tensor) else None
        if values is None:
            return None
    try:
        array = np.asarray(values)
    except NotImplementedError:  # The value is a list that holds tensors.
        return None
    except ValueError as error:
        raise ValueError(f"{name} must have rows of one length, got {shown(value)}") from error
    # Float types that NumPy lacks, such as bfloat16, have another `kind`.
    if array.dtype.kind not in "iuf" and not tf.is_tensor(value):
        raise ValueError(f"{name} must be numbers, got {shown(value)}")
    return array


def shown(value: Any) -> str:
    """A value as text for a message, cut where it is long."""
    text = str(value) if isinstance(value, np.generic) else repr(_plain(value))
    return textwrap.shorten(text, _WIDTH, placeholder=" ...")


def _plain(value: Any) -> Any:
    """Lists and dictionaries without the wrappers that `tf.Module` puts around them."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return value


def _require(allowed: np.ndarray, array: np.ndarray, message: str) -> None:
    if allowed.all():
        return
    position = tuple(int(axis[0]) for axis in np.nonzero(~allowed)) if allowed.ndim else ()
    where = f" at {list(position)}" if position else ""
    raise ValueError(f"{message}, got {array[position]}{where}")
