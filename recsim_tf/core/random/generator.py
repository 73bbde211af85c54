# SPDX-License-Identifier: Apache-2.0
"""The bit generator: the algorithm that draws, and the arguments of its raw operations."""

import contextlib
import contextvars
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from recsim_tf.core.random.paired import Shape, pairing, static_shape

# Philox runs everywhere. ThreeFry is faster, but exists only under XLA. On the CPU "auto_select" is
# a hundred times slower.
_algorithm = contextvars.ContextVar("recsim_tf_random_algorithm", default=("philox", True))
# For at least this many numbers, a branch costs less time than it saves.
_MIN_LENGTH_OF_WORDS = 1024
_ALGORITHMS = ("philox", "threefry", "auto_select")


@contextlib.contextmanager
def algorithm(name: str, for_cpu: bool = True):
    """Chooses the bit generator for everything traced inside the context.

    Args:
      name: "philox" (the default), "threefry" (only in functions compiled by XLA) or "auto_select".
      for_cpu: whether the program is to be fast on a CPU, or else on an accelerator. The numbers
        are the same.
    """
    if name not in _ALGORITHMS:
        raise ValueError(f"algorithm must be one of {', '.join(_ALGORITHMS)}, got {name!r}")
    token = _algorithm.set((name, for_cpu))
    try:
        yield
    finally:
        _algorithm.reset(token)


def context() -> tuple:
    """The algorithm and the pairing of draws at this point, as a hashable key."""
    return _algorithm.get(), pairing.get()


def generator(seed: tf.Tensor) -> dict:
    """The arguments of the raw operations.

    The key of an algorithm is the seed itself. TensorFlow would derive keys by an operation that
    gives other keys on a TPU.
    """
    name, _ = _algorithm.get()
    return {
        "key": tf.reshape(tf.bitcast(seed, tf.uint64), [1]),
        "counter": tf.zeros([1 if name == "threefry" else 2], tf.uint64),
        "alg": tf.random.Algorithm[name.upper()].value,
    }


def uniforms(shape: Shape, dtype: tf.DType, generator: Mapping[str, Any]) -> tf.Tensor:
    """Uniforms in [0, 1).

    Args:
      shape: a shape, static or not.
      dtype: a float dtype.
      generator: the arguments from `generator`.
    """
    static = static_shape(shape)
    length = 0 if static is None else static.num_elements()
    is_threefry = generator["alg"] == tf.random.Algorithm.THREEFRY.value
    if not is_threefry or dtype != tf.float32 or length < _MIN_LENGTH_OF_WORDS:
        return tf.raw_ops.StatelessRandomUniformV2(shape=shape, dtype=dtype, **generator)
    num_words = (length + 1) // 2

    def draw():
        return tf.raw_ops.StatelessRandomUniformFullIntV2(
            shape=[num_words], dtype=tf.uint64, **generator
        )

    # ThreeFry makes two numbers at a time. In a draw of 32 bits XLA computes both for each number,
    # and drops one. In a draw of 64 bits XLA on the CPU does so too, if it can fuse the draw with
    # the operations that split the words. A branch that is always taken prevents the fusion.
    _, for_cpu = _algorithm.get()
    if for_cpu:
        always = tf.reduce_all(generator["key"] % 2 < 2)
        words = tf.cond(always, draw, lambda: tf.zeros([num_words], tf.uint64))
    else:
        words = draw()
    upper = tf.bitwise.right_shift(words, tf.constant(32, tf.uint64))
    bits = tf.concat([tf.cast(upper, tf.uint32), tf.cast(words, tf.uint32)], axis=0)[:length]
    # 23 of the bits are the significand of a number in [1, 2).
    significand = tf.bitwise.right_shift(bits, tf.constant(9, tf.uint32))
    exponent_of_one = tf.constant(0x3F800000, tf.uint32)
    numbers = tf.bitcast(tf.bitwise.bitwise_or(significand, exponent_of_one), tf.float32) - 1.0
    return tf.reshape(numbers, shape)


def opened(u: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Uniforms in (0, 1) from uniforms in [0, 1), shifted by half a step of the generator's grid.

    Quantiles of the results are finite.
    """
    return u + tf.as_dtype(dtype).as_numpy_dtype(0.5 * grid_step(dtype))


def grid_step(dtype: tf.DType) -> float:
    """The distance between neighbouring uniforms."""
    return {tf.float16: 2.0**-10, tf.bfloat16: 2.0**-7, tf.float32: 2.0**-23, tf.float64: 2.0**-52}[
        tf.as_dtype(dtype)
    ]
