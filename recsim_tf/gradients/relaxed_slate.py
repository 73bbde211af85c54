"""Relaxed slates: at each position a weight for every candidate, instead of one candidate."""

import numpy as np
import tensorflow as tf

from recsim_tf.core import validation
from recsim_tf.core.distributions.plackett_luce import PlackettLuce
from recsim_tf.core.ranges import Range
from recsim_tf.core.types import Seed


def relaxed_slate(
    distribution: PlackettLuce, seed: Seed, temperature: float | tf.Tensor
) -> tf.Tensor:
    """A relaxed draw of a slate; as the temperature goes to zero it becomes the slate that
    `random.sample` draws with the same seed.

    Args:
      distribution: of batch shape [B] over slates of K of N candidates.
      seed: an integer or int32 [2].
      temperature: in the unit of the logits, positive; a number or a scalar.

    Returns:
      Weights [B, K, N], differentiable in the logits.
    """
    return relaxed_top_k(distribution.keys(seed), distribution.slate_size, temperature)


def relaxed_top_k(keys: tf.Tensor, slate_size: int, temperature: float | tf.Tensor) -> tf.Tensor:
    """The K largest keys in order, relaxed by successive softmax (Xie and Ermon 2019, arXiv
    1901.10517, section 4).

    Position k has the weights a_k = softmax(keys_k / temperature), and keys_{k+1} = keys_k + log(1
    - a_k). As the temperature goes to zero the weights become one-hot.

    Args:
      keys: float [B, N]; one of -inf has weight zero.
      slate_size: K.
      temperature: positive, a number or a scalar.

    Raises:
      ValueError: for a number out of range.

    Returns:
      Weights [B, K, N]; those of a position sum to one. Those of a candidate may sum to more than
      one at high temperatures.
    """
    validation.check_count(slate_size=slate_size)
    Range(above=0).check_number("temperature", temperature)
    temperature = tf.cast(temperature, keys.dtype)
    positions = [tf.nn.softmax(keys / temperature)]
    for _ in range(slate_size - 1):
        keys += _log_complement(positions[-1])
        positions.append(tf.nn.softmax(keys / temperature))
    return tf.stack(positions, axis=1)


def _log_complement(weights: tf.Tensor):
    """log(1 - weights) of weights [B, N] that sum to one."""
    # Next to one, 1 - a has no digits left and its gradient cancels to noise, so the largest
    # weight's is the sum of the others.
    largest = tf.one_hot(
        tf.argmax(weights, axis=-1),
        weights.shape[-1],
        on_value=True,
        off_value=False,
        dtype=tf.bool,
    )
    others = tf.reduce_sum(
        tf.where(largest, tf.zeros([], weights.dtype), weights), axis=-1, keepdims=True
    )
    return tf.math.log(
        tf.maximum(
            tf.where(largest, others, 1 - weights), np.finfo(weights.dtype.as_numpy_dtype).tiny
        )
    )
