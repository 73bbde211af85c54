# SPDX-License-Identifier: Apache-2.0
"""The execution policy: the compilation of pure functions."""

import contextvars
import functools
import inspect
import math
import os
from collections.abc import Callable
from typing import Any, TypeVar

import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.types import Nest
from recsim_tf.core.targets import only_cpu

T = TypeVar("T")

# On a CPU core XLA takes some two seconds more to compile a rollout than graph mode takes to trace
# it, and saves 0.1 to 0.5 microseconds a user-step (benchmarks/speed.py). The two are even after
# some ten million user steps.
_WORTHWHILE_USER_STEPS = 10_000_000
_for_xla = contextvars.ContextVar("recsim_tf_for_xla", default=False)


def prefers_xla(user_steps: float) -> bool:
    """Tells whether XLA finishes a simulation sooner than graph mode, compilation included.

    It always does on GPUs and TPUs. On a CPU it does from about ten million user steps on.

    Args:
      user_steps: the number of users times the number of steps, over all calls.
    """
    return not only_cpu() or is_large(user_steps)


def is_large(user_steps: float) -> bool:
    """Tells whether XLA and all cores of a CPU are worth a compilation."""
    return user_steps >= _WORTHWHILE_USER_STEPS


def compiled(
    function: Callable | None = None,
    *,
    jit_compile: bool | None = False,
    user_steps: float = math.inf,
):
    """Compiles a function as a `tf.function` with the random algorithm that is fast for it.

    Graph mode draws with Philox, and XLA with ThreeFry. The two algorithms give different numbers
    of the same distribution. Each gives the same numbers for a seed on CPUs, GPUs and TPUs.

    Args:
      function: a function of nests of tensors that returns one.
      jit_compile: whether to compile with XLA, which needs static shapes; None asks `prefers_xla`.
      user_steps: the argument of `prefers_xla`.

    Returns:
      The compiled function, or a decorator if `function` is None.
    """
    if function is None:
        return functools.partial(compiled, jit_compile=jit_compile, user_steps=user_steps)
    jit_compile = prefers_xla(user_steps) if jit_compile is None else jit_compile

    @functools.wraps(function)
    def traced(*args, **kwargs):
        outer = _for_xla.set(_for_xla.get() or jit_compile)
        try:
            with random.algorithm("threefry" if jit_compile else "philox", for_cpu=only_cpu()):
                return function(*args, **kwargs)
        finally:
            _for_xla.reset(outer)

    return tf.function(traced, jit_compile=jit_compile, autograph=False)


def traced_call(function: Any, *arguments: Nest) -> Nest:
    """The result of a `compiled` function that is called only once or a few times. A direct call
    would make TensorFlow warn of a trace for every such function.
    """
    return function.get_concrete_function(*arguments)(*arguments)


def side_by_side(function: Callable[[Nest], Nest]) -> Callable[[Nest], Nest]:
    """A function of S inputs, such as the seeds of S shards of users, whose results are computed
    side by side. A CPU computes as many at a time as TensorFlow has threads, and GPUs and TPUs
    compute them in sequence.

        shard = compiled(lambda seed: simulator.rollout(policy, 2048, 100, seed), jit_compile=True)
        seeds = tf.stack(random.split_seed(0, 64))
        trajectories = side_by_side(shard)(seeds)  # [64, 100, 2048, ...]

    XLA runs a program of many small operations on about one core, so this function lets a
    simulation use all cores. The results depend on the inputs, and not on the number of threads.
    They need the memory of the calls that run at the same time, and of the results.

    Args:
      function: a `compiled` function that maps a nest of tensors to a nest of tensors, of shapes
        that do not depend on the values. It may read variables, but must not change them.

    Returns:
      A compiled function of a nest of [S, ...], which gives the results as a nest of [S, ...].
    """

    traced: Any = function

    @tf.function(autograph=False)
    def of_all(inputs: Nest):
        first = tf.nest.map_structure(
            lambda leaf: tf.TensorSpec(leaf.shape[1:], leaf.dtype), inputs
        )
        outputs = traced.get_concrete_function(first).structured_outputs

        def loop(*leaves: tf.Tensor) -> list[tf.Tensor]:
            results = tf.map_fn(
                function,
                tf.nest.pack_sequence_as(inputs, leaves),
                parallel_iterations=num_side_by_side(),
                fn_output_signature=tf.nest.map_structure(
                    lambda leaf: tf.TensorSpec(leaf.shape, leaf.dtype), outputs
                ),
            )
            return tf.nest.flatten(results)

        leaves = tf.nest.flatten(inputs)
        # In the graph of a `tf.function` an iteration waits for all operations of the previous
        # iteration that read a variable. Under XLA these are the whole program.
        unordered = tf.compat.v1.wrap_function(
            loop, [tf.TensorSpec(leaf.shape, leaf.dtype) for leaf in leaves]
        )
        return tf.nest.pack_sequence_as(outputs, unordered(*leaves))

    return of_all


def num_side_by_side() -> int:
    """The number of inputs that `side_by_side` computes with at a time."""
    if not only_cpu():
        return 1
    return tf.config.threading.get_inter_op_parallelism_threads() or num_cores()


def num_cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def is_for_xla() -> bool:
    """Tells whether the `compiled` function that is being traced is compiled by XLA."""
    return _for_xla.get()


def without_autograph(model: type[T]) -> type[T]:
    """A class decorator that keeps AutoGraph from converting the public methods when a user's
    `tf.function` calls them. They are written in graph operations, and conversion prints warnings.
    """
    for name, method in inspect.getmembers(model, inspect.isfunction):
        if not name.startswith("_"):
            setattr(model, name, tf.autograph.experimental.do_not_convert(method))
    return model
