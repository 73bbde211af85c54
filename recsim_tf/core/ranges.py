"""Ranges of parameters, checked where their values are known."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf


class Range(NamedTuple):
    """Which numbers a parameter may hold. NaN is never one of them, and an infinity only where it
    is an end.
    """

    low: float | None = None  # the least number
    high: float | None = None  # the largest number
    above: float | None = None  # a number that all are above
    below: float | None = None  # a number that all are below

    def check(self, name: str, value: Any) -> None:
        """Requires numbers to be in the range. Variables, and tensors whose values are not known
        yet, pass.

        Args:
          name: the argument's name.
          value: a number, a table of numbers, a tensor or a variable.

        Raises:
          ValueError: for the first number outside, or for something else than numbers.
        """
        numbers = known_numbers(name, value)
        if numbers is None:
            return
        infinite_ends = [end for end in (self.low, self.high) if end is not None and np.isinf(end)]
        _require(
            np.isfinite(numbers) | np.isin(numbers, infinite_ends),
            numbers,
            " or ".join([f"{name} must be finite", *map(str, infinite_ends)]),
        )
        inside = np.ones(numbers.shape, bool)
        for end, holds in (
            (self.low, np.greater_equal),
            (self.high, np.less_equal),
            (self.above, np.greater),
            (self.below, np.less),
        ):
            if end is not None:
                inside &= holds(numbers, end)
        _require(inside, numbers, f"{name} must be {self.described()}")

    def described(self) -> str:
        """The range in words, such as "at least 0"."""
        starts = (("at least", "[", self.low), ("above", "(", self.above))
        ends = (("at most", "]", self.high), ("below", ")", self.below))
        start, end = (
            next((one for one in several if one[-1] is not None), None)
            for several in (starts, ends)
        )
        if start and end:
            return f"in {start[1]}{start[2]:g}, {end[2]:g}{end[1]}"
        return " and ".join(f"{word} {number:g}" for word, _, number in filter(None, (start, end)))


def known_numbers(name: str, value: Any) -> np.ndarray | None:
    """A parameter's numbers; None for a variable, and for a tensor whose values are not known yet.

    Raises:
      ValueError: for something else than numbers.
    """
    if isinstance(value, tf.Tensor):
        value = tf.get_static_value(value)
    if not isinstance(value, int | float | str | list | tuple | np.ndarray | np.generic):
        return None
    try:
        numbers = np.asarray(value)
    except NotImplementedError:  # There are tensors in a list.
        return None
    except ValueError as error:
        raise ValueError(f"{name} must have rows of one length, got {value}") from error
    if numbers.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be numbers, got {value!r}")
    return numbers


def _require(allowed: np.ndarray, numbers: np.ndarray, message: str) -> None:
    if allowed.all():
        return
    position = tuple(int(axis[0]) for axis in np.nonzero(~allowed)) if allowed.ndim else ()
    where = f" at {list(position)}" if position else ""
    raise ValueError(f"{message}, got {numbers[position]}{where}")
