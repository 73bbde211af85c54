"""Cells of a table: one for each context and slate."""

import math
from typing import NamedTuple

import gin
import numpy as np
import tensorflow as tf

from recsim_tf.agents.shared import encoding
from recsim_tf.agents.tabular_q.discretise import ObservationDigits
from recsim_tf.core import nests, validation
from recsim_tf.core.types import Nest, Observation

# Of the hash's random weights; the same in every process, so that a checkpoint's table keeps its
# meaning.
_HASH_SEED = 20_190_911


class _Weights(NamedTuple):
    """Weights of the sum that numbers the cells."""

    context: np.ndarray  # one for each digit of the context
    document: np.ndarray  # one for each digit of a document
    position: np.ndarray  # one for each slate position
    offset: int


@gin.configurable(module="recsim_tf.agents")
class SlateCells:
    """Numbers the cells of a table: one for each context, the user's observation and perhaps the
    response, and documents of a slate.

    Observations become digits (`ObservationDigits`). Where the number of combinations is at most
    `max_cells`, the cell is their number in mixed radix, so that distinct digits have distinct
    cells. Otherwise digits are hashed into `max_cells` cells, by a multilinear hash of 64 bits
    (Lemire and Kaser 2014, "Strongly universal string hashing is fast"). Two combinations share a
    hashed cell with a probability of about 1 / max_cells, and are then learned as one.

    Either way the cell is a function of a sum of one term for the context and one for each slate
    position, so that the terms of a document are computed once for all slates.

    Args:
      observation_spec: `Observation` of bounded specs.
      slate_size: K.
      ignore_response: whether the response to the previous slate (zeros at the start of a session)
        is no part of the context. This and the next two defaults are RecSim 0.2.4's.
      discretization_bounds: lowest and highest edge of the intervals of observed numbers; None
        takes the bounds of each part of the observation from its spec.
      number_bins: number of these edges.
      max_cells: largest size of the table, below 2**31.
      hashed: whether combinations share cells by hashing where they are more than `max_cells`.

    Raises:
      ValueError: for a number out of range, or if there are more than `max_cells` combinations and
        hashed=False.
    """

    def __init__(
        self,
        observation_spec: Observation,
        slate_size: int,
        ignore_response: bool = True,
        discretization_bounds: tuple[float, float] | None = (0.0, 10.0),
        number_bins: int = 100,
        max_cells: int = 2**22,
        hashed: bool = False,
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
        num_combinations = math.prod(self._context.sizes) * num_documents**slate_size
        self.is_hashed = num_combinations > max_cells
        if self.is_hashed and not hashed:
            raise ValueError(
                f"observations and slates make {_readable(num_combinations)} cells, more than"
                f" max_cells={max_cells:,}: lower number_bins={number_bins}, or set hashed=True to"
                " let some of them share cells"
            )
        self.num_cells = max_cells if self.is_hashed else num_combinations
        if self.is_hashed:
            self._dtype = tf.int64
            self._weights = _random_weights(
                len(self._context.sizes), len(self._document.sizes), slate_size
            )
        else:
            document = _place_values(self._document.sizes)
            position = num_documents ** np.arange(slate_size)[::-1]
            context = _place_values(self._context.sizes) * num_documents**slate_size
            self._dtype, self._weights = tf.int32, _Weights(context, document, position, 0)

    def of_slate(self, observation: Observation, slate: tf.Tensor) -> tf.Tensor:
        """The cells int32 [B], in [0, num_cells), of one full slate int32 [B, K] a user."""
        terms = self._document_terms(nests.take(observation.documents, slate))
        terms *= self._constant(self._weights.position)
        return self._cell(self._context_term(observation) + tf.reduce_sum(terms, axis=1))

    def of_slates(self, observation: Observation, slates: np.ndarray) -> tf.Tensor:
        """The cells of the same slates [S, K] for every user, int32 [S, B] in [0, num_cells)."""
        # With the candidates first, taking one is a copy of a row.
        terms = transpose_integers(self._document_terms(observation.documents))
        total = self._context_term(observation)[tf.newaxis, :]
        for position, weight in enumerate(self._weights.position):
            total += tf.gather(terms * self._constant(weight), slates[:, position])
        return self._cell(total)

    def _context_of(self, observation: Observation):
        return (
            observation.user if self._ignore_response else (observation.response, observation.user)
        )

    def _context_term(self, observation: Observation):
        term = self._context.weighted_sum(
            self._context_of(observation), 1, self._weights.context, self._dtype
        )
        return term + self._constant(self._weights.offset)

    def _document_terms(self, documents: Nest):
        terms = self._document.weighted_sum(documents, 2, self._weights.document, self._dtype)
        return _upper_bits(terms) if self.is_hashed else terms

    def _cell(self, total: tf.Tensor):
        if not self.is_hashed:
            return total
        # Scales 31 bits to the number of cells; a division is slower.
        return tf.cast(
            tf.bitwise.right_shift(_upper_bits(total) * self.num_cells, tf.constant(31, tf.int64)),
            tf.int32,
        )

    def _constant(self, value: tf.Tensor):
        return tf.constant(value, self._dtype)


def transpose_integers(matrix: tf.Tensor) -> tf.Tensor:
    """The transpose of an int32 or int64 matrix."""
    # TensorFlow's CPU kernel for integers logs an error where the processor lacks AVX-512; floats
    # of the same bits pass in silence.
    as_float = tf.float32 if matrix.dtype == tf.int32 else tf.float64
    return tf.bitcast(tf.transpose(tf.bitcast(matrix, as_float)), matrix.dtype)


def _upper_bits(value: tf.Tensor):
    """The upper 31 of 64 bits, which are the good ones of a multilinear hash."""
    return tf.bitwise.bitwise_and(
        tf.bitwise.right_shift(value, tf.constant(33, tf.int64)), tf.constant(2**31 - 1, tf.int64)
    )


def _place_values(sizes: tuple[int, ...]) -> np.ndarray:
    """What one step of each digit is worth in mixed radix, where the last digit is worth 1."""
    return np.array([math.prod(sizes[i + 1 :]) for i in range(len(sizes))], np.int64)


def _random_weights(num_context_digits: int, num_document_digits: int, slate_size: int) -> _Weights:
    num_weights = num_context_digits + num_document_digits + slate_size + 1
    raw = np.random.PCG64(_HASH_SEED).random_raw(num_weights).view(np.int64)
    context, document, position, offset = np.split(
        raw, np.cumsum([num_context_digits, num_document_digits, slate_size])
    )
    return _Weights(context, document, position, offset[0])


def _readable(count: int) -> str:
    return f"{count:,}" if count < 10**15 else f"about 10^{math.floor(math.log10(count))}"
