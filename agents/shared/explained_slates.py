"""Explanations of agents that value whole slates."""

import numpy as np
import tensorflow as tf

from recsim_tf.core.explanations import Explanation

# There may be thousands of slates.
_LIMIT = 12


def explain_slates(values: tf.Tensor, slates: np.ndarray) -> Explanation:
    """The best slates with their values, best first.

    Args:
      values: [B, S], of all slates.
      slates: int32 [S, K].
    """
    best = tf.math.top_k(values, min(_LIMIT, len(slates)))
    return Explanation(
        alternatives={"Q of the slate": best.values},
        labels=tf.gather(tf.constant(slates), best.indices),
    )
