"""Corrections of the policy gradient for off-policy data (Chen et al. 2019, arXiv 1812.02353)."""

import dataclasses

import gin
import tensorflow as tf

from recsim_tf.agents.shared.averages import batch_sums
from recsim_tf.core.validation import NONE, POSITIVE, check_numbers


@gin.configurable(module="recsim_tf.agents")
@dataclasses.dataclass(frozen=True)
class ImportanceWeights:
    """Importance weights pi(a | s) / beta(a | s) of a batch of decisions. They carry no gradient:
    they weigh the terms return * grad log pi(a | s).

    Args:
      cap: the largest weight, above 0, or None: less variance for some bias (section 4.4, weight
        capping).
      normalize: whether the weights are divided by their mean over the batch, of all replicas
        (section 4.4, normalised importance sampling).

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
        """Weights [...]; zeros where they are divided by a mean of zero.

        Args:
          log_prob: [...], of the actions under the policy that learns, pi.
          behaviour_log_prob: [...], under the policy that acted, beta.
          valid: [...], 1 where a decision counts in the mean, else 0.
        """
        weights = tf.exp(log_prob - behaviour_log_prob)
        if self.cap is not None:
            weights = tf.minimum(weights, self.cap)
        if self.normalize:
            total, weighted = batch_sums(valid, weights * valid)
            mean = tf.math.divide_no_nan(weighted, total)
            weights = tf.math.divide_no_nan(weights, mean)
        return tf.stop_gradient(weights)
