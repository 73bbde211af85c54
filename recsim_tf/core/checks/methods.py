"""Calls of the methods of a model. A fault becomes one line that names the method."""

import contextlib
import dataclasses
import difflib
import inspect
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.parameters import Model
from recsim_tf.core.base.types import Nest
from recsim_tf.core.models.models import DocumentModel, UserModel
from recsim_tf.support.errors import error_line


class Method:
    """A method of a model, or another function by the author of an environment, with its name in
    messages, such as "Listeners.response".
    """

    def __init__(self, name: str, function: Callable[..., Any]):
        self.name = name
        self._function = function

    @classmethod
    def of(cls, model: Model, name: str) -> "Method":
        """The method of a model by its name."""
        return cls(f"{type(model).__name__}.{name}", getattr(model, name))

    def __call__(self, *arguments: Any) -> Any:
        """Calls the method and returns its result. Raises a ValueError for an exception of the
        method, with the line of its file.
        """
        with self.guarded():
            return self._function(*arguments)

    def pure(self, *arguments: Any) -> Nest:
        """Calls the method twice and returns its result, a nest of tensors. Raises a ValueError for
        an exception of the method, or if the second result is different.
        """
        result = self(*arguments)
        if not same(result, self(*arguments)):
            self.refuse_impure()
        return result

    def refuse_impure(self) -> NoReturn:
        """Raises the error of a method whose second result is different."""
        self.refuse(
            "must return the same for the same arguments",
            "a different result the second time: only the draws of distributions may be random",
        )

    def refuse(self, expected: str, got: Any) -> NoReturn:
        """Raises the error of a wrong result."""
        raise ValueError(f"{self.name} {expected}, got {got}")

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        """Turns an exception inside the context into an error of one line."""
        try:
            yield
        except Exception as error:
            raise ValueError(f"{self.name}: {error_line(error)}") from error


def same(left: Nest, right: Nest) -> bool:
    """Whether two nests hold the same tensors; NaN is equal to NaN."""
    first, second = tf.nest.flatten(left), tf.nest.flatten(right)
    return len(first) == len(second) and all(map(_equal, first, second))


def _equal(left: Any, right: Any) -> bool:
    left, right = np.asarray(left), np.asarray(right)
    floats = left.dtype.kind == right.dtype.kind == "f"
    return np.array_equal(left, right, equal_nan=floats)


def near_names(model: Model) -> Iterator[str]:
    """Warnings of methods of users and documents, also of nested models, that the simulator never
    calls, but whose names are close to a method that it calls.
    """
    for base in (UserModel, DocumentModel):
        allowed = [name for name in dir(base) if not name.startswith("_")]
        for kind in type(model).__mro__ if isinstance(model, base) else ():
            methods = [name for name, value in vars(kind).items() if inspect.isroutine(value)]
            for name in methods:
                near = difflib.get_close_matches(name, allowed, n=1, cutoff=0.8)
                # A helper may have a name close to a method of the same class.
                if name not in allowed and near and near[0] not in methods:
                    unknown = f"{kind.__name__}.{name} is no method of {base.__name__}"
                    yield f"{unknown}, so it is never called; did you mean {near[0]}?"
    for field in dataclasses.fields(model):
        if isinstance(inner := getattr(model, field.name), Model):
            yield from near_names(inner)
