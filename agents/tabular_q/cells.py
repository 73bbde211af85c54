# SPDX-License-Identifier: Apache-2.0
"""Numbering of the cells of a table, each for a context and a slate of discretised observations."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.agents.shared import encoding
from recsim_tf.core import nests
from recsim_tf.core.base.arguments import Count, checked, configurable, require
from recsim_tf.core.base.bounds import BoundedTensorSpec
from recsim_tf.core.base.ranges import shown
from recsim_tf.core.base.types import Nest, Observation


@configurable(module="recsim_tf.agents")
class SlateCells:
    """Numbers the cells of a table. There is a cell for each combination of a context, which is the
    user's observation and perhaps the response, and the documents of a slate.

    Observations become digits (`ObservationDigits`). The cell is the number of their combination in
    mixed radix, so that distinct digits have distinct cells: the sum of a term for the context and
    a term for each slate position. The terms of a document are computed once for all slates.

    Args:
      observation_spec: `Observation` of bounded specs.
      slate_size: size of slates K.
      ignore_response: whether the context excludes the response to the previous slate (zeros at the
        start of a session). This and the next two defaults are RecSim 0.2.4's.
      discretization_bounds: lowest and highest edge of the intervals of observed numbers; None
        takes the bounds of each part of the observation from its spec.
      number_bins: number of edges.
      max_cells: largest size of the table, below 2**31.

    Raises:
      ValueError: for a number out of range, or if there are more than `max_cells` combinations.
    """

    def __init__(
        self,
        observation_spec: Observation,
        slate_size: Count,
        ignore_response: bool = True,
        discretization_bounds: tuple[float, float] | None = (0.0, 10.0),
        number_bins: int = 100,
        max_cells: Count = 2**22,
    ):
        self._ignore_response = ignore_response
        self._context = ObservationDigits(
            self._context_of(observation_spec), discretization_bounds, number_bins
        )
        self._document = ObservationDigits(
            encoding.element_spec(observation_spec.documents), discretization_bounds, number_bins
        )
        num_documents = math.prod(self._document.sizes)
        self.num_cells = math.prod(self._context.sizes) * num_documents**slate_size
        if self.num_cells > max_cells:
            shown_number = f"{self.num_cells:,}"
            if self.num_cells >= 10**15:
                shown_number = f"about 10^{math.floor(math.log10(self.num_cells))}"
            raise ValueError(
                f"observations and slates make {shown_number} cells, more than"
                f" max_cells={max_cells:,}: lower number_bins={number_bins}"
            )
        self._context_weights = _place_values(self._context.sizes) * num_documents**slate_size
        self._document_weights = _place_values(self._document.sizes)
        self._position_weights = _place_values((num_documents,) * slate_size)

    def of_slate(self, observation: Observation, slate: tf.Tensor) -> tf.Tensor:
        """The cells of a full slate int32 [B, K] of each user, int32 [B] in [0, num_cells)."""
        terms = self._document_terms(nests.take(observation.documents, slate))
        slate_term = tf.reduce_sum(terms * self._position_weights, axis=1)
        return self._context_term(observation) + slate_term

    def of_slates(self, observation: Observation, slates: np.ndarray) -> tf.Tensor:
        """The cells of the same slates [S, K] for every user, int32 [S, B] in [0, num_cells)."""
        # With the candidates on the first axis, a gather copies rows.
        terms = transpose_integers(self._document_terms(observation.documents))
        total = self._context_term(observation)[tf.newaxis, :]
        for position, weight in enumerate(self._position_weights):
            total += tf.gather(terms * weight, slates[:, position])
        return total

    def _context_of(self, observation: Observation):
        return (
            observation.user if self._ignore_response else (observation.response, observation.user)
        )

    def _context_term(self, observation: Observation) -> tf.Tensor:
        context = self._context_of(observation)
        return self._context.weighted_sum(context, 1, self._context_weights)

    def _document_terms(self, documents: Nest) -> tf.Tensor:
        return self._document.weighted_sum(documents, 2, self._document_weights)


def transpose_integers(matrix: tf.Tensor) -> tf.Tensor:
    """The transpose of an int32 or int64 matrix."""
    # TensorFlow's CPU kernel for integers logs an error if the processor lacks AVX-512. The kernel
    # for floats of the same size does not.
    as_float = tf.float32 if matrix.dtype == tf.int32 else tf.float64
    return tf.bitcast(tf.transpose(tf.bitcast(matrix, as_float)), matrix.dtype)


def _place_values(sizes: tuple[int, ...]) -> np.ndarray:
    """The place value of each digit in mixed radix. The place value of the last digit is 1."""
    return np.array([math.prod(sizes[i + 1 :]) for i in range(len(sizes))], np.int32)


class ObservationDigits:
    """Converts a nest of observations to digits, with a digit for each element of each leaf.

    The digit of an integer that is bounded at both ends is its distance from the lower end. All
    other values are divided into intervals by `number_bins` evenly spaced edges from the lower to
    the upper bound. The digit is 0 below the first edge, and `number_bins` from the last edge on,
    exactly as in `np.digitize` with double precision.

    Args:
      spec: nest of bounded specs of an observation, without outer axes.
      discretization_bounds: (lowest edge, highest edge) of every leaf that is not a bounded
        integer; None takes the bounds of each leaf from its spec.
      number_bins: number of edges.

    Raises:
      ValueError: for bounds in the wrong order, for bounds and bins that the dtype cannot tell
        apart, or, with discretization_bounds=None, for a leaf without finite bounds.
    """

    @checked
    def __init__(
        self, spec: Nest, discretization_bounds: tuple[float, float] | None, number_bins: Count
    ):
        self._leaves = [
            _leaf_digits(leaf, discretization_bounds, number_bins) for leaf in tf.nest.flatten(spec)
        ]
        self.sizes: tuple[int, ...] = tuple(
            leaf.size for leaf in self._leaves for _ in range(leaf.num_elements)
        )

    def __call__(self, observation: Nest, num_outer_axes: int) -> list[tf.Tensor]:
        """The digits of each leaf, int32 [outer axes, elements of the leaf], in [0, size)."""
        result = []
        for digits, leaf in zip(self._leaves, tf.nest.flatten(observation), strict=True):
            outer = tf.shape(leaf)[:num_outer_axes]
            shape = tf.concat([outer, [digits.num_elements]], axis=0)
            result.append(tf.reshape(digits(leaf), shape))
        return result

    def weighted_sum(
        self, observation: Nest, num_outer_axes: int, weights: np.ndarray
    ) -> tf.Tensor:
        """The sum of the digits times their weights, int32 [outer axes]."""
        ends = np.cumsum([leaf.num_elements for leaf in self._leaves])
        parts = zip(self(observation, num_outer_axes), np.split(weights, ends[:-1]), strict=True)
        sums = [
            tf.reduce_sum(digits * tf.constant(leaf_weights, tf.int32), axis=-1)
            for digits, leaf_weights in parts
        ]
        return tf.add_n(sums)


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
        # Edges are rounded upwards: a number of this dtype is at or above the rounded edge if and
        # only if it is at or above the exact edge.
        rounded = exact.astype(dtype)
        self._edges = np.where(rounded < exact, np.nextafter(rounded, dtype(np.inf)), rounded)
        self._low, self._high = dtype(low), dtype(high)
        self._edges_per_unit = dtype((number_bins - 1) / (high - low))

    def __call__(self, leaf: tf.Tensor):
        leaf = tf.cast(leaf, self._dtype)
        inside = tf.clip_by_value(leaf, self._low, self._high)
        # Rounding errors are below half the distance of edges: only the nearest is compared.
        nearest = tf.cast((inside - self._low) * self._edges_per_unit + 0.5, tf.int32)
        return nearest + tf.cast(leaf >= tf.gather(tf.constant(self._edges), nearest), tf.int32)


def _ends(bounds: Any) -> tuple[float, float]:
    if isinstance(bounds, Sequence) and len(bounds) == 2 and not isinstance(bounds, str):
        for index, bound in enumerate(bounds):
            require(f"discretization_bounds[{index}]", bound, float)
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
