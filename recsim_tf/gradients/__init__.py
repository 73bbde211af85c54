# SPDX-License-Identifier: Apache-2.0
"""Gradients of the expected return of a slate policy through the simulator. The score function
gives unbiased gradients, and relaxed sessions give pathwise gradients.
"""

from recsim_tf.gradients.mixtures import relaxed_top_k
from recsim_tf.gradients.relaxed import relaxed_return
from recsim_tf.gradients.score_function import score_function_return

__all__ = ["relaxed_return", "relaxed_top_k", "score_function_return"]
