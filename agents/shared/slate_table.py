"""All slates of K of N candidates, for agents that go through every one of them."""

import itertools
import math

import numpy as np
import tensorflow as tf

from recsim_tf.core import validation
from recsim_tf.core.explanations import Explanation

# Beyond this, going through all slates at each step is no sensible agent any more.
_MAX_SLATES = 20_000

# Slates in an explanation. There may be thousands of them.
_EXPLAINED = 12


def all_slates(num_candidates: int, slate_size: int, ordered: bool = True) -> np.ndarray:
    """int32 [number of slates, K]: the slates without repetition, in lexicographic order.

    Args:
      num_candidates: N.
      slate_size: K.
      ordered: whether another order of the documents is another slate, N! / (N - K)! in all; if
        not, each of the N! / (N - K)! / K! sets of K appears once, in ascending order.

    Raises:
      ValueError: if there are more than 20,000, or for a slate_size out of range.
    """
    validation.check_count(num_candidates=num_candidates)
    validation.check_slate_size(slate_size, num_candidates)
    num_slates = (
        math.perm(num_candidates, slate_size) if ordered else math.comb(num_candidates, slate_size)
    )
    if num_slates > _MAX_SLATES:
        raise ValueError(
            f"slate_size={slate_size} of num_candidates={num_candidates} gives {num_slates:,}"
            f" slates, an agent that goes through all slates takes at most {_MAX_SLATES:,}"
        )
    choose = itertools.permutations if ordered else itertools.combinations
    return np.array(list(choose(range(num_candidates), slate_size)), np.int32)


class RowNumbers:
    """Looks up the numbers of the rows of a table.

    Args:
      rows: int32 [S, K], of digits in [0, base).
      base: B; the memory is B^K.
    """

    def __init__(self, rows: np.ndarray, base: int):
        num_digits = rows.shape[1]
        self._powers = base ** np.arange(num_digits, dtype=np.int32)
        self._numbers = np.zeros(base**num_digits, np.int32)
        self._numbers[rows @ self._powers] = np.arange(len(rows))

    def __call__(self, rows: tf.Tensor) -> tf.Tensor:
        """int32 [...]: the numbers of rows [..., K] that are in the table."""
        index = tf.reduce_sum(rows * tf.constant(self._powers), axis=-1)
        return tf.gather(tf.constant(self._numbers), index)


class SlateTable:
    """The ordered slates of K of N candidates, numbered as in RecSim's full-slate agent.

    Args:
      num_candidates: N.
      slate_size: K.

    Attributes:
      slates: see `all_slates`.
      number: gives int32 [...], the numbers of full slates without repetition [..., K].

    Raises:
      ValueError: if there are more than 20,000 slates.
    """

    def __init__(self, num_candidates: int, slate_size: int):
        self.slates = all_slates(num_candidates, slate_size)
        self.number = RowNumbers(self.slates, num_candidates)

    def __len__(self) -> int:
        return len(self.slates)

    def slate(self, number: tf.Tensor) -> tf.Tensor:
        """int32 [..., K]: the slates of numbers [...]."""
        return tf.gather(tf.constant(self.slates), number)


def explain_slates(values: tf.Tensor, slates: np.ndarray) -> Explanation:
    """The best of slates int32 [S, K] by their values [B, S], best first."""
    best = tf.math.top_k(values, min(_EXPLAINED, len(slates)))
    return Explanation(
        alternatives={"Q of the slate": best.values},
        labels=tf.gather(tf.constant(slates), best.indices),
    )
