# SPDX-License-Identifier: Apache-2.0
"""Tables of all slates of K of N candidates, for agents that enumerate them."""

import itertools
import math

import numpy as np
import tensorflow as tf

from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import Count, checked
from recsim_tf.core.models.explanations import Explanation

_MAX_SLATES = 20_000  # Beyond it, enumerating all slates at each step is too slow.
_EXPLAINED = 12  # slates in an explanation, of thousands


@checked
def all_slates(num_candidates: Count, slate_size: int, ordered: bool = True) -> np.ndarray:
    """The slates without repetition in lexicographic order, int32 [number of slates, K].

    Args:
      num_candidates: number of candidates N.
      slate_size: size of slates K.
      ordered: whether another order of the documents is another slate, so that there are
        N! / (N - K)! slates; if not, each of the N! / (N - K)! / K! sets of K documents appears
        once, in ascending order.

    Raises:
      ValueError: if there are more than 20,000, or for a slate_size out of range.
    """
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


def explain_slates(values: tf.Tensor, slates: np.ndarray) -> Explanation:
    """The best slates of int32 [S, K] by their values [B, S], the best first."""
    best = tf.math.top_k(values, min(_EXPLAINED, len(slates)))
    return Explanation(
        alternatives={"Q of the slate": best.values},
        labels=tf.gather(tf.constant(slates), best.indices),
    )
