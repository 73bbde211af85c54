"""Cells of a table: one for each context and slate."""

import math

import gin
import numpy as np
import tensorflow as tf

from recsim_tf.agents.shared import encoding
from recsim_tf.agents.tabular_q.discretise import ObservationDigits
from recsim_tf.core import nests, validation
from recsim_tf.core.types import Nest, Observation


@gin.configurable(module="recsim_tf.agents")
class SlateCells:
    """Numbers the cells of a table: one for each context, the user's observation and perhaps the
    response, and documents of a slate.

    Observations become digits (`ObservationDigits`). The cell is the number of their combination in
    mixed radix, so that distinct digits have distinct cells: a sum of one term for the context and
    one for each slate position. The terms of a document are computed once for all slates.

    Args:
      observation_spec: `Observation` of bounded specs.
      slate_size: K.
      ignore_response: whether the response to the previous slate (zeros at the start of a session)
        is no part of the context. This and the next two defaults are RecSim 0.2.4's.
      discretization_bounds: lowest and highest edge of the intervals of observed numbers; None
        takes the bounds of each part of the observation from its spec.
      number_bins: number of these edges.
      max_cells: largest size of the table, below 2**31.

    Raises:
      ValueError: for a number out of range, or if there are more than `max_cells` combinations.
    """

    def __init__(
        self,
        observation_spec: Observation,
        slate_size: int,
        ignore_response: bool = True,
        discretization_bounds: tuple[float, float] | None = (0.0, 10.0),
        number_bins: int = 100,
        max_cells: int = 2**22,
    ):
        validation.check_count(slate_size=slate_size, max_cells=max_cells)
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
            raise ValueError(
                f"observations and slates make {_readable(self.num_cells)} cells, more than"
                f" max_cells={max_cells:,}: lower number_bins={number_bins}"
            )
        self._context_weights = _place_values(self._context.sizes) * num_documents**slate_size
        self._document_weights = _place_values(self._document.sizes)
        self._position_weights = _place_values((num_documents,) * slate_size)

    def of_slate(self, observation: Observation, slate: tf.Tensor) -> tf.Tensor:
        """The cells int32 [B], in [0, num_cells), of one full slate int32 [B, K] a user."""
        terms = self._document_terms(nests.take(observation.documents, slate))
        of_positions = tf.reduce_sum(terms * self._position_weights, axis=1)
        return self._context_term(observation) + of_positions

    def of_slates(self, observation: Observation, slates: np.ndarray) -> tf.Tensor:
        """The cells of the same slates [S, K] for every user, int32 [S, B] in [0, num_cells)."""
        # With the candidates first, taking one is a copy of a row.
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
    # TensorFlow's CPU kernel for integers logs an error where the processor lacks AVX-512; floats
    # of the same bits pass in silence.
    as_float = tf.float32 if matrix.dtype == tf.int32 else tf.float64
    return tf.bitcast(tf.transpose(tf.bitcast(matrix, as_float)), matrix.dtype)


def _place_values(sizes: tuple[int, ...]) -> np.ndarray:
    """What one step of each digit is worth in mixed radix, where the last digit is worth 1."""
    return np.array([math.prod(sizes[i + 1 :]) for i in range(len(sizes))], np.int32)


def _readable(count: int) -> str:
    return f"{count:,}" if count < 10**15 else f"about 10^{math.floor(math.log10(count))}"
