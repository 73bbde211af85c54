"""Observations as digits, for tables."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.agents.shared import encoding
from recsim_tf.core import validation
from recsim_tf.core.bounds import BoundedTensorSpec
from recsim_tf.core.ranges import Range, shown
from recsim_tf.core.types import Nest


class ObservationDigits:
    """Turns a nest of observations into digits, one for each element of each leaf.

    The digit of an integer that is bounded at both ends is its distance from the lower end.
    Everything else is cut into intervals by `number_bins` evenly spaced edges between the bounds,
    both included: 0 below the first edge, up to `number_bins` from the last edge on, exactly as
    `np.digitize` finds it in double precision.

    Args:
      spec: nest of bounded specs of one observation, without outer axes.
      discretization_bounds: (lowest edge, highest edge) of every leaf that is no bounded integer;
        None takes the bounds of each leaf's own spec.
      number_bins: number of edges.

    Raises:
      ValueError: for bounds in the wrong order, for bounds and bins that the dtype cannot tell
        apart, or, with discretization_bounds=None, for a leaf without finite bounds.
    """

    def __init__(
        self, spec: Nest, discretization_bounds: tuple[float, float] | None, number_bins: int
    ):
        validation.check_at_least(1, number_bins=number_bins)
        self._leaves = [
            _leaf_digits(leaf, discretization_bounds, number_bins) for leaf in tf.nest.flatten(spec)
        ]
        self.sizes: tuple[int, ...] = tuple(
            leaf.size for leaf in self._leaves for _ in range(leaf.num_elements)
        )

    def __call__(self, observation: Nest, num_outer_axes: int) -> list[tf.Tensor]:
        """The digits of each leaf, int32 [outer axes, elements of the leaf], in [0, size)."""
        found = []
        for digits, leaf in zip(self._leaves, tf.nest.flatten(observation), strict=True):
            outer = tf.shape(leaf)[:num_outer_axes]
            shape = tf.concat([outer, [digits.num_elements]], axis=0)
            found.append(tf.reshape(digits(leaf), shape))
        return found

    def weighted_sum(
        self, observation: Nest, num_outer_axes: int, weights: np.ndarray
    ) -> tf.Tensor:
        """The sum of digits times weights, one for each, as int32 [outer axes]."""
        digits = tf.concat(self(observation, num_outer_axes), axis=-1)
        return tf.reduce_sum(digits * tf.constant(weights, tf.int32), axis=-1)


def _leaf_digits(spec: tf.TensorSpec, bounds: tuple[float, float] | None, number_bins: int):
    num_categories = encoding.num_categories(spec)
    if num_categories:
        return _IntegerDigits(spec, num_categories)
    return _IntervalDigits(spec, _finite_bounds(spec) if bounds is None else bounds, number_bins)


class _IntegerDigits:
    """Digits of integers that are bounded at both ends."""

    def __init__(self, spec: tf.TensorSpec, num_categories: int):
        self.size, self.num_elements = num_categories, spec.shape.num_elements()
        self._low = int(spec.minimum.min())

    def __call__(self, leaf: tf.Tensor):
        # The zeros of a response at the start of a session need not lie in its bounds.
        return tf.clip_by_value(tf.cast(leaf - self._low, tf.int32), 0, self.size - 1)


class _IntervalDigits:
    """Digits of numbers, by evenly spaced edges."""

    def __init__(self, spec: tf.TensorSpec, bounds: tuple[float, float], number_bins: int):
        self.size, self.num_elements = number_bins + 1, spec.shape.num_elements()
        self._dtype = spec.dtype if spec.dtype.is_floating else tf.float64
        low, high = _ends(bounds)
        dtype = self._dtype.as_numpy_dtype
        exact = np.linspace(low, high, number_bins)
        largest = dtype(max(abs(low), abs(high)))
        if number_bins > 1 and exact[1] - exact[0] < 8 * np.spacing(largest):
            raise ValueError(
                f"number_bins={number_bins} are too many between {low} and {high} for"
                f" {self._dtype.name} to tell apart"
            )
        # Rounded upwards: a number of this dtype is at or above the rounded edge just if it is at
        # or above the exact one.
        rounded = exact.astype(dtype)
        self._edges = np.where(rounded < exact, np.nextafter(rounded, dtype(np.inf)), rounded)
        self._low, self._high = dtype(low), dtype(high)
        self._edges_per_unit = dtype((number_bins - 1) / (high - low))

    def __call__(self, leaf: tf.Tensor):
        leaf = tf.cast(leaf, self._dtype)
        inside = tf.clip_by_value(leaf, self._low, self._high)
        # Rounding errors move this by much less than half an edge, so only the nearest edge needs a
        # comparison.
        nearest = tf.cast((inside - self._low) * self._edges_per_unit + 0.5, tf.int32)
        return nearest + tf.cast(leaf >= tf.gather(tf.constant(self._edges), nearest), tf.int32)


def _ends(bounds: Any) -> tuple[float, float]:
    if isinstance(bounds, Sequence) and len(bounds) == 2 and not isinstance(bounds, str):
        for index, bound in enumerate(bounds):
            Range().check_number(f"discretization_bounds[{index}]", bound)
        low, high = map(float, bounds)
        if low < high:
            return low, high
    raise ValueError(
        f"discretization_bounds must be (low, high) with low < high, got {shown(bounds)}"
    )


def _finite_bounds(spec: tf.TensorSpec) -> tuple[float, float]:
    if isinstance(spec, BoundedTensorSpec):
        low, high = float(np.min(spec.minimum)), float(np.max(spec.maximum))
        # The ends of the dtype's range stand for "no bound".
        if spec.dtype.min < low and high < spec.dtype.max:
            return low, high
    raise ValueError(
        "discretization_bounds=None takes the bounds of each part of an observation, and"
        f" {spec.name} has no finite ones; give (low, high) instead"
    )
