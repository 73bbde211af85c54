"""Importance weights: ratios of probabilities under two policies, and how they are bent."""

import dataclasses

import tensorflow as tf

from recsim_tf.core.base.ranges import Range
from recsim_tf.core.base.validation import NONE, check_numbers

# exp of it is finite, and any weight near it is not to be believed.
_LARGEST = 80.0


@dataclasses.dataclass(frozen=True)
class Weights:
    """How importance weights are bent: less variance, for a bias towards zero, or with a model
    towards the model's value.

    Args:
      cap: the largest weight (Ionides 2008); None for any.
      switch: the largest weight that is used; those above count as 0 (Wang et al. 2017).
      shrinkage: c of c w / (w^2 + c) (Su et al. 2020).

    Raises:
      ValueError: for a number that is not above 0.
    """

    cap: float | None = None
    switch: float | None = None
    shrinkage: float | None = None

    def __post_init__(self) -> None:
        check_numbers(Range(above=0), NONE, **dataclasses.asdict(self))

    def bend(self, weights: tf.Tensor) -> tf.Tensor:
        """The weights that are used, of the same shape."""
        if self.cap is not None:
            weights = tf.minimum(weights, tf.constant(self.cap, weights.dtype))
        if self.switch is not None:
            weights = tf.where(weights <= self.switch, weights, tf.zeros_like(weights))
        if self.shrinkage is not None:
            weights = self.shrinkage * weights / (weights**2 + self.shrinkage)
        return weights


def importance_weights(log_prob: tf.Tensor, logged: tf.Tensor) -> tf.Tensor:
    """[...]: the ratios of probabilities, of log-probabilities [...] under the policy that is
    judged or learns, and under the one that acted.
    """
    return tf.exp(tf.minimum(log_prob - logged, _LARGEST))


def normalized_weights(weights: tf.Tensor, mean: tf.Tensor) -> tf.Tensor:
    """[...]: weights divided by their mean, and 0 where that is 0."""
    return tf.math.divide_no_nan(weights, mean)
