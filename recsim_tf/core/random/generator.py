"""The bit generator: the algorithm that draws, and the arguments of its raw operations."""

import contextlib
import contextvars

import tensorflow as tf

# Philox runs everywhere. ThreeFry is faster on the CPU, but exists only under XLA; "auto_select"
# costs a hundred times more there.
_algorithm = contextvars.ContextVar("recsim_tf_random_algorithm", default="philox")
_ALGORITHMS = ("philox", "threefry", "auto_select")


@contextlib.contextmanager
def algorithm(name: str):
    """Chooses the bit generator for everything traced inside the context.

    Args:
      name: "philox" (the default), "threefry" (only in functions compiled by XLA) or "auto_select".
    """
    if name not in _ALGORITHMS:
        raise ValueError(f"algorithm must be one of {', '.join(_ALGORITHMS)}, got {name!r}")
    token = _algorithm.set(name)
    try:
        yield
    finally:
        _algorithm.reset(token)


def generator(seed: tf.Tensor) -> dict:
    """The arguments of the raw operations. `tf.random.stateless_uniform` derives the same numbers
    from a seed with fifteen operations more.
    """
    name = _algorithm.get()
    if name == "threefry":
        key, counter = tf.reshape(tf.bitcast(seed, tf.uint64), [1]), tf.zeros([1], tf.uint64)
    else:
        key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    return {"key": key, "counter": counter, "alg": tf.random.Algorithm[name.upper()].value}


def opened(u: tf.Tensor, dtype) -> tf.Tensor:
    """Uniforms in (0, 1) from uniforms in [0, 1), shifted by half a step of the generator's grid.

    So a quantile of them is finite.
    """
    return u + tf.as_dtype(dtype).as_numpy_dtype(0.5 * grid_step(dtype))


def grid_step(dtype) -> float:
    """The distance between neighbouring uniforms."""
    return {tf.float16: 2.0**-10, tf.bfloat16: 2.0**-7, tf.float32: 2.0**-23, tf.float64: 2.0**-52}[
        tf.as_dtype(dtype)
    ]
