"""What SlateQ's choices rest on."""

import tensorflow as tf

from recsim_tf.agents.slate_q.losses import SlateValues
from recsim_tf.core.explanations import Explanation


def explanation(values: SlateValues, slate: tf.Tensor) -> Explanation:
    """The values of the candidates, and the probabilities of clicks on a slate.

    Args:
      values: of B users and N candidates.
      slate: int32 [B, K].
    """
    num_candidates = values.weights.shape[1]
    is_shown = tf.reduce_any(slate[:, :, tf.newaxis] == tf.range(num_candidates), axis=1)
    probabilities = values.click_probabilities(is_shown)
    return Explanation(
        candidates={
            "Q - Q(no click)": values.advantages,
            "Q": values.q_items,
            "click weight": values.weights,
            "P(click)": tf.where(is_shown, probabilities, float("nan")),
        },
        user={
            "Q(no click)": values.q_no_click,
            "P(no click)": 1 - tf.reduce_sum(probabilities, axis=1),
        },
    )
