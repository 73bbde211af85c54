"""Functions that are traced for eager calls, and kept for the next call."""

import collections
import types
import weakref
from collections.abc import Callable, Hashable
from typing import Any

import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.parameters import Model
from recsim_tf.core.base.types import Nest
from recsim_tf.core.runs.execution import traced_call

# From so many steps on, a trace costs less than eager steps do.
_WORTHWHILE_STEPS = 30
_MAX_KEPT = 8
_OWN_PACKAGES = ("recsim_tf", "agents")


class Kept:
    """Traced functions of a model and of all that `with_parameters` makes of it.

    An eager call runs a function whose inputs are tensors, those of the model's parameters among
    them. The function is traced again for another policy and other values of what is no tensor. It
    is traced for a single call if it reads functions of the user's own, whose attributes may have
    changed at the next one. A few steps run eagerly, and so does what cannot be traced.

    Eight functions are kept. Of a policy they hold the tensors that it reads, for as long as it
    lives. A copy of this object is empty.
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
        """`function(model, functions, inputs)`, by a traced function where that is faster.

        Args:
          function: pure; may hold nothing but `fixed`.
          fixed: what belongs to a trace beside the model and the functions: a name, and numbers.
          num_steps: steps that the call simulates.
          model: gives the parameters.
          functions: policies, and other functions that the function calls.
          inputs: a nest of tensors and of what becomes one, or None.
        """
        if not tf.executing_eagerly() or _is_told_otherwise():
            return function(model, functions, inputs)
        if not all(map(_is_own, functions)):
            entry = _Entry()
        else:
            references = [weakref.ref(each, self._forget) for each in functions]
            held = [each.trace_key() for each in functions if isinstance(each, Model)]
            entry = self._entry((*fixed, model.trace_key(), random.context(), *held, *references))
        entry.num_steps += num_steps
        if entry.num_steps < _WORTHWHILE_STEPS or entry.is_impossible:
            return function(model, functions, inputs)
        if entry.traced is None:
            entry.traced = _traced(function, model, functions)
        inputs = tf.nest.map_structure(
            lambda leaf: None if leaf is None else tf.convert_to_tensor(leaf), inputs
        )
        try:
            return traced_call(entry.traced, model.tensors(), inputs)
        except Exception:  # Models and policies can raise anything.
            entry.is_impossible = True
        # Either it cannot be traced, or this tells the fault as it is.
        return function(model, functions, inputs)

    def _entry(self, key: tuple) -> "_Entry":
        entry = self._entries.setdefault(key, _Entry())
        self._entries.move_to_end(key)
        while len(self._entries) > _MAX_KEPT:
            self._entries.popitem(last=False)
        return entry

    def _forget(self, reference: weakref.ref) -> None:
        for key in [key for key in self._entries if reference in key]:
            del self._entries[key]


class _Entry:
    """A function of the parameters and inputs, once it is traced."""

    num_steps = 0
    is_impossible = False
    traced: Callable[..., Nest] | None = None


def _traced(function: Callable, model: Model, functions: tuple[Callable, ...]) -> Callable:
    """The function holds no policy, so that one may die before it."""
    references = [weakref.ref(each) for each in functions]

    def run(tensors: dict[str, tf.Tensor], inputs: Nest) -> Nest:
        present = tuple(reference() for reference in references)
        return function(model.with_parameters(tensors), present, inputs)

    return tf.function(run, autograph=False)


def _is_told_otherwise() -> bool:
    return tf.config.functions_run_eagerly() or tf.distribute.has_strategy()


def _is_own(function: Any) -> bool:
    """Whether a function, and those that it holds, are of this package."""
    inner: list[Any] = []
    if isinstance(function, types.FunctionType):
        inner = [cell.cell_contents for cell in function.__closure__ or ()]
        module = function.__module__
    else:
        inner = list(vars(function).values()) if hasattr(function, "__dict__") else []
        module = type(function).__module__
    return module.partition(".")[0] in _OWN_PACKAGES and all(
        _is_own(each) for each in inner if callable(each) and not isinstance(each, type)
    )
