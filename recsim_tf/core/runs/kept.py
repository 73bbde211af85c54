# SPDX-License-Identifier: Apache-2.0
"""Functions that are traced for eager calls, and kept for the next call."""

import collections
import contextvars
import importlib
import warnings
import weakref
from collections.abc import Callable, Hashable
from typing import Any

import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.parameters import Model
from recsim_tf.core.base.traces import joint_key
from recsim_tf.core.base.types import Nest
from recsim_tf.core.runs.execution import traced_call

# From this number of steps on, a trace costs less than eager steps do.
_WORTHWHILE_STEPS = 30
_MAX_KEPT = 8
# Errors of code that needs numbers, which a graph does not have yet, and of checks that a graph
# runs. Other errors are faults of a model or a policy, and are raised as they are.
_OF_GRAPHS = (AttributeError, NotImplementedError, TypeError, ValueError, tf.errors.OpError)


class Kept:
    """Traced functions of a model and of the models that `with_parameters` makes of it.

    An eager call runs a function whose inputs are tensors, including the model's parameters. The
    function is traced again for another policy, and for other values that are no tensors.

    A trace is kept only if every policy that it calls is a model or `Traceable`, so that a key says
    everything that the trace depends on. Policies are compared by identity and by this key. Other
    functions are traced for a single call, because a function of the user may read anything, which
    may have changed at the next call. A few steps run eagerly, and so do functions that cannot be
    traced.

    Eight functions are kept, each as long as its policies live. They hold the tensors that the
    policies read. A copy of this object is empty.
    """

    def __init__(self) -> None:
        self._entries: collections.OrderedDict[tuple, _Entry] = collections.OrderedDict()

    def __reduce__(self):
        return Kept, ()

    def run(
        self,
        function: Callable[..., Nest],
        fixed: tuple[Hashable, ...],
        num_steps: int,
        model: Model,
        functions: tuple[Callable, ...],
        inputs: Nest,
    ) -> Nest:
        """Calls `function(model, functions, inputs)`, by a traced function where that is faster.

        Args:
          function: a pure function that captures nothing but `fixed`.
          fixed: the name and the numbers that a trace depends on, beside the model and the
            functions.
          num_steps: the number of steps that the call simulates.
          model: the model with the parameters.
          functions: policies, and other functions that the function calls.
          inputs: a nest of tensors, of values that become tensors, and of None.
        """
        entry = self._entry(fixed, model, functions)
        if entry is not None:
            entry.num_steps += num_steps
            if entry.num_steps >= _WORTHWHILE_STEPS:
                result = entry.result(function, model, functions, inputs)
                if result is not None:
                    return result
        # The function cannot be traced, or has a fault, which eager steps raise without the graph.
        try:
            return function(model, functions, inputs)
        except Exception as error:
            # A ValueError names what is at fault.
            if entry is not None and not isinstance(error, ValueError):
                _name_fault(model, error)
            raise

    def run_traced(
        self,
        function: Callable[..., Nest],
        fixed: tuple[Hashable, ...],
        model: Model,
        functions: tuple[Callable, ...],
        inputs: Nest,
    ) -> Nest | None:
        """The result of `run` by a function that is traced and kept at its first call; None where
        that is impossible, and inside a function that is traced.
        """
        is_kept = joint_key(*functions) is not None
        entry = self._entry(fixed, model, functions) if is_kept else None
        return None if entry is None else entry.result(function, model, functions, inputs)

    def _entry(
        self, fixed: tuple[Hashable, ...], model: Model, functions: tuple[Callable, ...]
    ) -> "_Entry | None":
        """The entry of an eager call, which is kept if its functions have a key."""
        if not tf.executing_eagerly() or _must_run_eagerly():
            return None
        key = joint_key(*functions)
        if key is None:
            return _Entry()
        try:
            references = [_Reference(each, self._forget) for each in functions]
        except TypeError:  # A model or policy without weak references.
            return _Entry()
        whole_key = (*fixed, model.trace_key(), random.context(), key, *references)
        entry = self._entries.setdefault(whole_key, _Entry())
        self._entries.move_to_end(whole_key)
        while len(self._entries) > _MAX_KEPT:
            self._entries.popitem(last=False)
        return entry

    def _forget(self, reference: weakref.ref) -> None:
        # By identity: when Python ends, the names that `__eq__` reads are gone.
        dead = [key for key in self._entries if any(each is reference for each in key)]
        for key in dead:
            del self._entries[key]


# Whether a check runs, whose own errors name a fault already.
_CHECKS = contextvars.ContextVar("checks", default=False)


def _name_fault(simulator: Any, error: Exception) -> None:
    """Raises a ValueError that names the method with a fault, if `check` finds a fault in the
    models of a simulator that failed with an error.
    """
    # Here, since the check of a simulator imports the simulator.
    checks = importlib.import_module("recsim_tf.core.checks")

    if _CHECKS.get():
        return
    token = _CHECKS.set(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            checks.check(simulator)
    except ValueError as fault:
        raise fault from error
    except Exception:  # The check cannot be run either.
        return
    finally:
        _CHECKS.reset(token)


class _Reference(weakref.ref):
    """A weak reference that is equal to the references to the same object alone, whatever the
    object is equal to. The object needs no hash.
    """

    def __init__(self, function: Callable, callback: Callable):
        super().__init__(function, callback)  # type: ignore[call-arg]
        self._id = id(function)

    def __hash__(self) -> int:
        return self._id

    def __eq__(self, other: object) -> bool:
        if self is other or not isinstance(other, _Reference):
            return self is other
        function = self()
        return function is not None and function is other()


class _Entry:
    """A function of the parameters and inputs, and its trace once there is one."""

    num_steps = 0
    is_impossible = False
    traced: Callable[..., Nest] | None = None

    def result(
        self,
        function: Callable[..., Nest],
        model: Model,
        functions: tuple[Callable, ...],
        inputs: Nest,
    ) -> Nest | None:
        """The result of the traced function, or None if the function cannot be traced."""
        if self.is_impossible:
            return None
        if self.traced is None:
            self.traced = _traced(function, model, functions)
        inputs = tf.nest.map_structure(
            lambda leaf: None if leaf is None else tf.convert_to_tensor(leaf), inputs
        )
        try:
            return traced_call(self.traced, model.tensors(), inputs)
        except _OF_GRAPHS:
            self.is_impossible = True
            return None


def _traced(function: Callable, model: Model, functions: tuple[Callable, ...]) -> Callable:
    """A traced function that holds no policy, so that a policy may be deleted before it."""
    references = [_reference(each) for each in functions]

    def run(tensors: dict[str, tf.Tensor], inputs: Nest) -> Nest:
        present = tuple(reference() for reference in references)
        return function(model.with_parameters(tensors), present, inputs)

    return tf.function(run, autograph=False)


def _must_run_eagerly() -> bool:
    return tf.config.functions_run_eagerly() or tf.distribute.has_strategy()


def _reference(function: Callable) -> Callable[[], Any]:
    """A weak reference, or a strong one to an object that has none, such as a NamedTuple."""
    try:
        return weakref.ref(function)
    except TypeError:
        return lambda: function
