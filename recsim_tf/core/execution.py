"""The execution policy: how a pure function becomes a compiled one."""

import functools

import gin
import tensorflow as tf

from recsim_tf.core import random


@gin.configurable(module="recsim_tf")
def compiled(function=None, *, jit_compile: bool = False):
    """Compiles a function as a `tf.function` with the random algorithm that is fast there.

    Graph mode draws with Philox. Under XLA on the CPU ThreeFry is the fast one; on GPUs and TPUs Philox stays. The two algorithms give
    different numbers of the same distribution; each is reproducible from its seed.

    Args:
      function: takes and returns nests of tensors.
      jit_compile: whether to compile with XLA; all shapes must then be static.

    Returns:
      The compiled function, or a decorator if `function` is None.
    """
    if function is None:
        return functools.partial(compiled, jit_compile=jit_compile)

    @functools.wraps(function)
    def traced(*args, **kwargs):
        with random.algorithm("threefry" if jit_compile and _only_cpu() else "philox"):
            return function(*args, **kwargs)

    return tf.function(traced, jit_compile=jit_compile, autograph=False)


def _only_cpu() -> bool:
    return not tf.config.list_logical_devices("GPU") and not tf.config.list_logical_devices("TPU")
