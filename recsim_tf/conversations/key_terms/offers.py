"""The candidates of a round: some of the arms, then key-terms."""

import math

import tensorflow as tf
import tensorflow_probability as tfp

from recsim_tf.core import random
from recsim_tf.core.distributions import uniform_ids
from recsim_tf.core.distributions.base import CustomDistribution


class OfferedIds(CustomDistribution):
    """Ids int32 [N]: first of arms, in [0, A), each equally likely, then of key-terms, in [A, A +
    W).

    Where as many key-terms are offered as there are, they are all of them in their order, and
    nothing is drawn. Otherwise each is equally likely, too.

    Args:
      num_arms: A.
      num_key_terms: W.
      num_users: B, the batch shape.
      num_offered_arms: how many of the N are arms.
      num_offered_key_terms: how many are key-terms.
      dtype: of `log_prob`.
    """

    def __init__(
        self,
        num_arms: int,
        num_key_terms: int,
        num_users: int,
        num_offered_arms: int,
        num_offered_key_terms: int,
        dtype: tf.DType = tf.float32,
        name: str = "OfferedIds",
    ):
        parameters = dict(locals())
        self._arms = uniform_ids(num_arms, num_users, num_offered_arms, dtype)
        self._key_terms = None
        if num_offered_key_terms not in (0, num_key_terms):
            self._key_terms = uniform_ids(num_key_terms, num_users, num_offered_key_terms, dtype)
        self._num_arms, self._num_users = num_arms, num_users
        self._num_offered = (num_offered_arms, num_offered_key_terms)
        self._log_prob_dtype = dtype
        super().__init__(tf.int32, parameters, name)

    def _batch_shape(self):
        return tf.TensorShape([self._num_users])

    def _event_shape(self):
        return tf.TensorShape([sum(self._num_offered)])

    def _log_prob(self, value):
        arms, key_terms = tf.split(value, self._num_offered, axis=-1)
        key_terms -= self._num_arms
        of_arms = self._arms.log_prob(arms)
        if self._key_terms is not None:
            return of_arms + self._key_terms.log_prob(key_terms)
        in_order = tf.reduce_all(key_terms == tf.range(self._num_offered[1]), axis=-1)
        return tf.where(in_order, of_arms, tf.constant(-math.inf, self._log_prob_dtype))

    def _sample_n(self, n, seed=None):
        arm_seed, key_term_seed = random.split_seed(tfp.random.sanitize_seed(seed), 2)
        arms = self._arms.sample(n, seed=arm_seed)
        if self._key_terms is None:
            return self._joined(arms, self._in_order(tf.shape(arms)[:-1]))
        return self._joined(arms, self._key_terms.sample(n, seed=key_term_seed))

    def _draw(self, seed):
        arm_seed, key_term_seed = random.split_seed(seed, 2)
        arms = random.sample(self._arms, arm_seed)
        if self._key_terms is None:
            return self._joined(arms, self._in_order([self._num_users]))
        return self._joined(arms, random.sample(self._key_terms, key_term_seed))

    def _in_order(self, shape):
        number = self._num_offered[1]
        return tf.broadcast_to(tf.range(number), tf.concat([shape, [number]], axis=0))

    def _joined(self, arms, key_terms):
        return tf.concat([arms, key_terms + self._num_arms], axis=-1)


@random.sample.register
def _(distribution: OfferedIds, seed):
    return distribution._draw(seed)
