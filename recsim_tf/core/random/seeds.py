# SPDX-License-Identifier: Apache-2.0
"""Seeds: int32 [2], each used once."""

import numbers
from collections.abc import Callable
from typing import TypeAlias

import tensorflow as tf

from recsim_tf.core.random.generator import generator
from recsim_tf.core.random.noise import Noise
from recsim_tf.core.random.paired import pairing

# An integer, int32 [2], or `Noise`; inside `paired` also int32 [S, 2].
Seed: TypeAlias = int | tf.Tensor | Noise


def as_seed(seed: Seed) -> tf.Tensor:
    """Makes a seed of a Python integer. A seed tensor is returned as it is, and `Noise` gives a new
    seed.

    Args:
      seed: an integer in [0, 2**64), an int32 tensor of shape [2], or `Noise`; inside `paired` also
        int32 [S, 2].

    Returns:
      int32 [2] or [S, 2].
    """
    if isinstance(seed, Noise):
        return seed.new_seed()
    if isinstance(seed, numbers.Integral):
        value = int(seed)
        if not 0 <= value < 2**64:
            raise ValueError(f"seed must be in [0, 2**64), got {value}")
        words = ((value >> 32) & 0xFFFFFFFF, value & 0xFFFFFFFF)
        return tf.constant([word - 2**32 if word >= 2**31 else word for word in words], tf.int32)
    try:
        values = tf.convert_to_tensor(seed)
    except (TypeError, ValueError) as error:
        got = "None" if seed is None else type(seed).__name__
        raise ValueError(
            f"seed must be an integer or an int32 tensor of shape [2], got {got}"
        ) from error
    seed, inside = values, pairing.get()
    if seed.dtype != tf.int32 or (
        seed.shape != [2] and (inside is None or seed.shape != [inside[1], 2])
    ):
        raise ValueError(
            f"seed must be an integer or an int32 tensor of shape [2], got {seed.dtype.name}"
            f" {seed.shape}"
        )
    return seed


def split_seed(seed: Seed, n: int) -> list:
    """Derives `n` independent seeds, each of the shape of the given seed. For `Noise`, the result
    is the same `Noise` n times.
    """
    if isinstance(seed, Noise):
        return [seed] * n
    return tf.unstack(derived_seeds(seed, n), axis=-2)


def derived_seeds(seed: Seed, *shape: int | tf.Tensor) -> tf.Tensor:
    """Derives many independent seeds.

    Args:
      seed: a seed, int32 [2] or [S, 2].
      *shape: of the result. The first seeds are the same for any number of them.

    Returns:
      int32 [*shape, 2], or [S, *shape, 2].
    """

    def draw(generator: dict):
        # Words of 64 bits: ThreeFry orders smaller words by the length of the draw.
        words = tf.raw_ops.StatelessRandomUniformFullIntV2(
            shape=shape, dtype=tf.uint64, **generator
        )
        return tf.bitcast(words, tf.int32)

    return for_each_seed(draw, seed)


def for_each_seed(draw: Callable[[dict], tf.Tensor], seed: Seed) -> tf.Tensor:
    """Calls `draw` with the generator of the seed. For seeds [S, 2] it stacks S draws, [S, ...]."""
    seed = as_seed(seed)
    if seed.shape.rank == 1:
        return draw(generator(seed))
    return tf.stack([draw(generator(single)) for single in tf.unstack(seed)])
