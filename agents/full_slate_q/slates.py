"""All ordered slates of K of N candidates, numbered."""

import itertools
import math

import numpy as np
import tensorflow as tf

# Beyond this the table of Q-values, one for each slate, is no sensible agent any more.
_MAX_SLATES = 20_000


class SlateTable:
    """The N! / (N - K)! ordered slates without repetition, in lexicographic order (as in RecSim's full-slate agent).

    Args:
      num_candidates: N.
      slate_size: K.

    Raises:
      ValueError: if there are more than 20,000 slates.
    """

    def __init__(self, num_candidates: int, slate_size: int):
        num_slates = math.perm(num_candidates, slate_size)
        if num_slates > _MAX_SLATES:
            raise ValueError(
                f"slate_size={slate_size} of num_candidates={num_candidates} gives {num_slates:,} slates, "
                f"full-slate Q-learning takes at most {_MAX_SLATES:,}"
            )
        self.slates = np.array(list(itertools.permutations(range(num_candidates), slate_size)), np.int32)
        self._powers = num_candidates ** np.arange(slate_size, dtype=np.int32)
        self._numbers = np.zeros(num_candidates**slate_size, np.int32)
        self._numbers[self.slates @ self._powers] = np.arange(num_slates)

    def __len__(self) -> int:
        return len(self.slates)

    def slate(self, number: tf.Tensor) -> tf.Tensor:
        """int32 [..., K]: the slates of numbers [...]."""
        return tf.gather(tf.constant(self.slates), number)

    def number(self, slate: tf.Tensor) -> tf.Tensor:
        """int32 [...]: the numbers of full slates without repetition [..., K]."""
        return tf.gather(tf.constant(self._numbers), tf.reduce_sum(slate * tf.constant(self._powers), axis=-1))
