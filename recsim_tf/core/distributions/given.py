"""A distribution for values that are recorded but decided by a rule."""

import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.types import Seed
from recsim_tf.core.distributions.custom import CustomDistribution


class Given(CustomDistribution):
    """The outcome of a rule, as a draw that is recorded and not scored. `log_prob` is zero for
    every value, so every recorded value of a log is accepted.

    Args:
      value: the outcome, of any dtype, [B].
      log_prob_dtype: float dtype of `log_prob`.
    """

    def __init__(
        self, value: tf.Tensor, log_prob_dtype: tf.DType = tf.float32, name: str = "Given"
    ):
        parameters = dict(locals())
        self.value = tf.convert_to_tensor(value)
        self._log_prob_dtype = log_prob_dtype
        super().__init__(self.value.dtype, parameters, name, batch=self.value)

    def _log_prob(self, value: tf.Tensor):
        return tf.zeros_like(value, self._log_prob_dtype)

    def _sample_n(self, n: int | tf.Tensor, seed: Seed | None = None):
        return tf.repeat(self.value[tf.newaxis], n, axis=0)


@random.sample.register
def _(distribution: Given, seed: Seed):
    return distribution.value
