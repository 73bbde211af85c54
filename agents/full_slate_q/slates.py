"""All ordered slates of K of N candidates, numbered."""

import numpy as np
import tensorflow as tf

from recsim_tf.agents.shared.slate_table import all_slates


class SlateTable:
    """The N! / (N - K)! ordered slates without repetition, in lexicographic order (as in RecSim's
    full-slate agent).

    Args:
      num_candidates: N.
      slate_size: K.

    Raises:
      ValueError: if there are more than 20,000 slates.
    """

    def __init__(self, num_candidates: int, slate_size: int):
        self.slates = all_slates(num_candidates, slate_size)
        self._powers = num_candidates ** np.arange(slate_size, dtype=np.int32)
        self._numbers = np.zeros(num_candidates**slate_size, np.int32)
        self._numbers[self.slates @ self._powers] = np.arange(len(self.slates))

    def __len__(self) -> int:
        return len(self.slates)

    def slate(self, number: tf.Tensor) -> tf.Tensor:
        """int32 [..., K]: the slates of numbers [...]."""
        return tf.gather(tf.constant(self.slates), number)

    def number(self, slate: tf.Tensor) -> tf.Tensor:
        """int32 [...]: the numbers of full slates without repetition [..., K]."""
        return tf.gather(
            tf.constant(self._numbers), tf.reduce_sum(slate * tf.constant(self._powers), axis=-1)
        )
