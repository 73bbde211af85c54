# SPDX-License-Identifier: Apache-2.0
"""Weights that need the distribution of all slates of a policy: those of the pseudo-inverse
estimator, and those of some of the positions.

Gamma = E[1_a 1_a^T] holds the probabilities that a policy shows two items at two positions, by
position and item [K N, K N] (Swaminathan et al. 2017).
"""

import itertools
import math
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.logs.densities import position_log_probs

# The largest number of slates that are enumerated, and the number of slates that are drawn for each
# context where there are more.
_MOST_SLATES, _NUM_DRAWS = 5000, 20_000
_ENTRIES = 2**23  # most numbers in a tensor of slates
# Gamma is singular, so this is added to its diagonal. The null space, which contains the
# differences of positions, is orthogonal to the items of a slate and to the marginals of a policy.
_RIDGE = 1e-12


def num_slates(num_candidates: int, slate_size: int) -> int:
    """The number of slates without repetition, including short slates."""
    return sum(math.perm(num_candidates, length) for length in range(slate_size + 1))


def sessions_at_once(num_candidates: int, slate_size: int) -> int:
    """The number of contexts that fit into memory."""
    number = min(num_slates(num_candidates, slate_size), _NUM_DRAWS)
    return max(1, _ENTRIES // (number * slate_size * num_candidates))


def linear_weights(target: Any, logging: Any, slate: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """The weights q^T Gamma^+ 1_a of slates a, float64 [B].

    The marginals q [K N] are those of the target policy, and Gamma is that of the logging policy.
    Weights are NaN where the logging policy repeats items.

    Args:
      target, logging: distributions of slates [B]. The target has `marginals`.
      slate: int32 [B, K].
      seed: int32 [2]. It seeds 20,000 draws where there are more than 5,000 slates.
    """
    marginals = tf.cast(target.marginals(), tf.float64)
    size, number = slate.shape[1], marginals.shape[2]
    if num_slates(number, size) > _MOST_SLATES:
        drawn = logging.sample(_NUM_DRAWS, seed=seed)
        # The logged slate is among them. So Gamma contains its items, and the mean weight is 1,
        # since each of the slates could have been logged.
        slates = tf.concat([drawn, slate[tf.newaxis]], axis=0)
        probs = tf.ones([_NUM_DRAWS + 1, 1], tf.float64) / (_NUM_DRAWS + 1)
        by_context = tf.transpose(slates, [1, 0, 2])
        gamma = tf.map_fn(
            lambda drawn: _gamma(drawn, probs, number)[0],
            by_context,
            fn_output_signature=tf.float64,
        )
    else:
        slates, probs = _enumerated(logging, number, size)
        gamma = _gamma(slates[:, 0], probs, number)
    shown = tf.reshape(tf.one_hot(slate, number, dtype=tf.float64), [-1, size * number, 1])
    factor = tf.linalg.cholesky(gamma + _RIDGE * tf.eye(size * number, dtype=tf.float64))
    solution = tf.reshape(tf.linalg.cholesky_solve(factor, shown), tf.shape(marginals))
    weights = tf.reduce_sum(marginals * solution, axis=[1, 2])
    return tf.where(abs(tf.reduce_sum(probs, axis=0) - 1) < 1e-3, weights, np.nan)


def subset_log_probs(distribution: Any, slate: tf.Tensor, reads: tf.Tensor) -> tf.Tensor:
    """The log-probabilities of the items at the positions that each position reads, float64 [B, K].

    They are exact for the first positions and for a single position. Others are computed by
    enumeration, and are NaN where there are more than 5,000 slates.

    Args:
      distribution: a distribution of slates [B], with `marginals`.
      slate: int32 [B, K].
      reads: bool [B, K, K].
    """
    marginals = distribution.marginals()
    size, number = slate.shape[1], marginals.shape[2]
    count = tf.math.count_nonzero(reads, axis=2, dtype=tf.int32)
    prefix = tf.pad(distribution.prefix_log_probs(slate), [[0, 0], [1, 0]])
    of_first = tf.gather(prefix, count, batch_dims=1)
    is_first = tf.reduce_all(reads == (tf.range(size) < count[..., tf.newaxis]), axis=2)
    positions = position_log_probs(marginals, slate)
    of_single = tf.gather(positions, tf.argmax(tf.cast(reads, tf.int32), axis=2), batch_dims=1)
    if num_slates(number, size) > _MOST_SLATES:
        enumerated = tf.fill(tf.shape(of_single), np.nan)
    else:
        slates, probs = _enumerated(distribution, number, size)
        same = (slates == slate)[..., tf.newaxis, :] | ~reads
        agrees = tf.cast(tf.reduce_all(same, axis=3), tf.float64)
        enumerated = tf.math.log(tf.reduce_sum(agrees * probs[..., tf.newaxis], axis=0))
    log_probs = tf.where(
        count == 1, tf.cast(of_single, tf.float64), tf.cast(enumerated, tf.float64)
    )
    return tf.where(is_first, tf.cast(of_first, tf.float64), log_probs)


def _gamma(slates: tf.Tensor, probs: tf.Tensor, number: int) -> tf.Tensor:
    """Gamma of slates int32 [M, K] with probabilities [M, B], [B, K N, K N]."""
    size = slates.shape[1]
    length = size * number
    places = tf.where(slates < 0, -1, slates + number * tf.range(size))
    first, second = places[..., tf.newaxis], places[:, tf.newaxis]
    # Pairs with an empty position are left out.
    pairs = tf.where((first < 0) | (second < 0), -1, first * length + second)
    sums = tf.math.unsorted_segment_sum(
        tf.repeat(probs, size**2, axis=0), tf.reshape(pairs, [-1]), length**2
    )
    return tf.reshape(tf.transpose(sums), [-1, length, length])


def _enumerated(distribution: Any, number: int, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """All slates int32 [M, 1, K], filled up with -1, and their probabilities [M, B]."""
    slates = np.array(
        [
            [*slate, *[-1] * (size - length)]
            for length in range(size + 1)
            for slate in itertools.permutations(range(number), length)
        ],
        np.int32,
    )[:, np.newaxis]
    log_probs = distribution.prefix_log_probs(tf.constant(slates))[..., -1]
    return tf.constant(slates), tf.exp(tf.cast(log_probs, tf.float64))
