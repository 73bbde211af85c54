# SPDX-License-Identifier: Apache-2.0
"""Standard noise: uniforms, and normals and Gumbel noise made of them."""

import math
from collections.abc import Callable

import tensorflow as tf

from recsim_tf.core.random.generator import grid_step, opened, uniforms
from recsim_tf.core.random.noise import Blocks, Lengths, Meter, Noise
from recsim_tf.core.random.paired import Shape, all_rows, block_shape, static_shape
from recsim_tf.core.random.seeds import Seed, as_seed, for_each_seed, split_seed


def uniform(shape: Shape, seed: Seed, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """Uniforms in [0, 1) of the given shape and dtype."""
    block = block_shape(shape)
    if isinstance(seed, Noise):
        static = static_shape(block)
        if static is not None:
            return all_rows(seed.take("uniform", static, tf.as_dtype(dtype)), static)
    return all_rows(_uniform_block(block, seed, dtype), block)


def normal(shape: Shape, seed: Seed, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """Standard normals of the given shape and dtype."""
    block = block_shape(shape)
    if isinstance(seed, Noise):
        static = static_shape(block)
        if static is not None:
            return all_rows(seed.take("normal", static, tf.as_dtype(dtype)), static)
    return _normal_quantile(open_uniform(shape, seed, dtype))


def _normal_quantile(u: tf.Tensor):
    return math.sqrt(2.0) * tf.math.erfinv(2.0 * u - 1.0)


# Kinds of noise.
_FROM_UNIFORM = {"uniform": tf.identity, "normal": _normal_quantile}


def draw_noise(lengths: Lengths, seed: Seed) -> Blocks:
    """Blocks of noise of the given lengths, for `Noise`. For each seed, one operation draws all
    blocks of a dtype.
    """
    by_dtype: dict[str, list[str]] = {}
    for name in sorted(lengths):
        by_dtype.setdefault(name.split("/")[1], []).append(name)
    blocks: dict[str, tf.Tensor] = {}
    seeds = [seed] if len(by_dtype) < 2 else split_seed(seed, len(by_dtype))
    for (dtype, names), dtype_seed in zip(by_dtype.items(), seeds, strict=False):
        u = opened(_uniform_block([sum(lengths[name] for name in names)], dtype_seed, dtype), dtype)
        parts = tf.split(u, [lengths[name] for name in names], axis=-1)
        blocks |= {
            name: _FROM_UNIFORM[name.split("/")[0]](part)
            for name, part in zip(names, parts, strict=True)
        }
    return blocks


def noise(blocks: Blocks, seed: tf.Tensor) -> Noise:
    """`Noise` from blocks. The seeds that it gives are derived from `seed`, and have its shape."""
    return Noise(blocks, _seeds_after(seed))


def meter() -> Meter:
    """Counts how much noise is taken. It gives zeros, which are pruned from a graph that does not
    use them.
    """
    return Meter(_seeds_after(as_seed(0)))


def _seeds_after(seed: tf.Tensor) -> Callable[[], tf.Tensor]:
    last = [seed]

    def new_seed():
        last[0], new = split_seed(last[0], 2)
        return new

    return new_seed


def gumbel(shape: Shape, seed: Seed, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """Standard Gumbel noise of the given shape and dtype: -log of exponentials."""
    # An exponential draw of zero stands for all values below the generator's grid, and is moved to
    # the middle of these values.
    exponential = tf.maximum(-tf.math.log1p(-uniform(shape, seed, dtype)), 0.5 * grid_step(dtype))
    return -tf.math.log(exponential)


def uniform_integers(shape: Shape, seed: Seed, high: int) -> tf.Tensor:
    """Uniform int32 in [0, high) of the given shape."""
    block = block_shape(shape)

    def draw(generator):
        return tf.raw_ops.StatelessRandomUniformIntV2(
            shape=block, minval=0, maxval=high, **generator
        )

    return all_rows(for_each_seed(draw, seed), block)


def open_uniform(shape: Shape, seed: Seed, dtype: tf.DType):
    """Uniforms in (0, 1), half a step of the generator's grid above `uniform`, so that their
    quantiles are finite.
    """
    u = uniform(shape, seed, dtype)
    # The numbers of `Noise` are in (0, 1) already.
    return u if isinstance(seed, Noise) else opened(u, dtype)


def _uniform_block(shape: Shape, seed: Seed, dtype: tf.DType) -> tf.Tensor:
    return for_each_seed(lambda generator: uniforms(shape, dtype, generator), seed)
