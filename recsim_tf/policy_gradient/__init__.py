"""Gradients of the expected return of a slate policy, through the simulator: unbiased by the score function, or pathwise and relaxed."""

from recsim_tf.policy_gradient.mixtures import num_outcomes
from recsim_tf.policy_gradient.plackett_luce import ItemLogits, PlackettLucePolicy, relaxed_top_k
from recsim_tf.policy_gradient.relaxed import relaxed_return
from recsim_tf.policy_gradient.score_function import score_function_return

__all__ = ["ItemLogits", "PlackettLucePolicy", "num_outcomes", "relaxed_return", "relaxed_top_k", "score_function_return"]
