"""Slates by a Plackett-Luce policy, drawn hard or relaxed, from the logits of the candidates."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.types import Nest, Observation

# observation -> logits [B, N] of the candidates
ItemLogits = Callable[[Observation], tf.Tensor]


class PlackettLucePolicy:
    """Fills a slate position by position without replacement, candidate i with probability proportional to exp(logits[i]).

    Plackett 1975. It is a `Policy` of `Simulator.rollout`, without a state, and its slates have a log-probability.

    Args:
      item_logits: maps an observation to logits [B, N].
      slate_size: K.
    """

    def __init__(self, item_logits: ItemLogits, slate_size: int):
        self.item_logits = item_logits
        self.slate_size = slate_size

    def __call__(self, observation: Observation, policy_state: Nest, seed) -> tuple[tf.Tensor, Nest]:
        """A slate int32 [B, K] by Gumbel top-K (Yellott 1977), and the policy state as it was."""
        logits = self.item_logits(observation)
        keys = logits + gumbel(logits.shape, seed, logits.dtype)
        return tf.math.top_k(keys, self.slate_size).indices, policy_state

    def log_prob(self, observation: Observation, slate: tf.Tensor) -> tf.Tensor:
        """[B]: the log-probability of a slate int32 [B, K] of distinct candidates."""
        logits = self.item_logits(observation)[:, tf.newaxis, :]
        chosen = slate[:, :, tf.newaxis] == tf.range(logits.shape[-1])
        shown_before = tf.cumsum(tf.cast(chosen, tf.int32), axis=1, exclusive=True) > 0
        normalizer = tf.reduce_logsumexp(tf.where(shown_before, -np.inf, logits), axis=-1)
        return tf.reduce_sum(tf.reduce_sum(tf.where(chosen, logits, 0), axis=-1) - normalizer, axis=-1)


def gumbel(shape, seed, dtype: tf.DType) -> tf.Tensor:
    """Standard Gumbel noise."""
    # The zero of an exponential draw stands for what lies below the generator's grid, and is moved to the middle of that.
    exponential = tf.maximum(-tf.math.log1p(-random.uniform(shape, seed, dtype)), 0.5 * np.finfo(dtype.as_numpy_dtype).eps)
    return -tf.math.log(exponential)


def relaxed_top_k(keys: tf.Tensor, slate_size: int, temperature) -> tf.Tensor:
    """The K largest keys in order, relaxed by successive softmax (Xie & Ermon 2019, arXiv 1901.10517).

    Position k has the weights a_k = softmax(keys_k / temperature), and keys_{k+1} = keys_k + log(1 - a_k). As the temperature goes to
    zero the weights become one-hot; with keys of logits plus Gumbel noise they are then a Plackett-Luce slate.

    Args:
      keys: float [B, N].
      slate_size: K.
      temperature: positive, a number or a scalar.

    Returns:
      Weights [B, K, N]; those of a position sum to one.
    """
    temperature = tf.cast(temperature, keys.dtype)
    tiny = np.finfo(keys.dtype.as_numpy_dtype).tiny
    positions = []
    for _ in range(slate_size):
        positions.append(tf.nn.softmax(keys / temperature))
        keys += tf.math.log(tf.maximum(1 - positions[-1], tiny))
    return tf.stack(positions, axis=1)
