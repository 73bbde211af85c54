"""Corrections of the policy gradient for off-policy data (Chen et al. 2019, arXiv 1812.02353).

Pure functions of log-probabilities. Their results carry no gradient: they weigh the terms return *
grad log pi(a | s).
"""

import dataclasses

import gin
import tensorflow as tf

from recsim_tf.agents.shared.averages import batch_sums
from recsim_tf.core.validation import NONE, POSITIVE, check_numbers


@gin.configurable(module="recsim_tf.agents")
@dataclasses.dataclass(frozen=True)
class ImportanceWeights:
    """Importance weights of a batch of decisions.

    Args:
      cap: the largest weight, above 0, or None; see `importance_weights`.
      normalize: whether the weights are divided by their mean, see `normalized_weights`.

    Raises:
      ValueError: for a cap that is not above 0.
    """

    cap: float | None = None
    normalize: bool = False

    def __post_init__(self):
        check_numbers(POSITIVE, NONE, cap=self.cap)

    def __call__(
        self, log_prob: tf.Tensor, behaviour_log_prob: tf.Tensor, valid: tf.Tensor
    ) -> tf.Tensor:
        """Weights [...] from log-probabilities [...]; `valid` [...] as for `normalized_weights`."""
        weights = importance_weights(log_prob, behaviour_log_prob, self.cap)
        return normalized_weights(weights, valid) if self.normalize else weights


def importance_weights(
    log_prob: tf.Tensor, behaviour_log_prob: tf.Tensor, cap: float | None = None
) -> tf.Tensor:
    """pi(a | s) / beta(a | s), capped (section 4.4, weight capping): less variance for some bias.

    Args:
      log_prob: [...], of the actions under the policy that learns, pi.
      behaviour_log_prob: [...], under the policy that acted, beta.
      cap: the largest weight, above 0, or None.
    """
    check_numbers(POSITIVE, NONE, cap=cap)
    weights = tf.exp(log_prob - behaviour_log_prob)
    return tf.stop_gradient(weights if cap is None else tf.minimum(weights, cap))


def normalized_weights(weights: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """Weights [...] whose mean over the batch, of all replicas, is one (section 4.4, normalised
    importance sampling); zeros where all are zero. `valid` [...] is what each counts in the mean,
    as 0 or 1.
    """
    total, weighted = batch_sums(valid, weights * valid)
    mean = tf.math.divide_no_nan(weighted, total)
    return tf.stop_gradient(tf.math.divide_no_nan(weights, mean))
