# SPDX-License-Identifier: Apache-2.0
"""Models as JSON and arrays, and back again.

A class or a function is named, as "package.module:name", and looked up in recsim_tf or in a module
that the caller trusts. Only constructors of models are called. Nothing else can run.
"""

import contextlib
import dataclasses
import importlib
import inspect
import math
import re
import sys
import types
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import gin
import numpy as np
import tensorflow as tf

from recsim_tf.core.base.bounds import Bounds, bounded_specs
from recsim_tf.core.base.parameters import Model, drawn_fields
from recsim_tf.language import Vocabulary
from recsim_tf.logs.log import Sessions
from recsim_tf.support.errors import one_line

NUMBERS = "biuf"  # NumPy's kinds of dtypes
# Parts of recsim_tf that read and write no files. Every model may name what they define.
_ROOMS = tuple(
    f"recsim_tf.{room}"
    for room in ("choice", "conversations", "core", "dynamics", "environments", "language")
)
# The readers of logs among them do.
_READERS = ("recsim_tf.conversations.logs",)
# Of these every model may name the classes. Their functions read files.
_CLASSES_ALONE = "recsim_tf.worlds"
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


class Encoder:
    """Makes JSON of a value. `arrays` are those of the value, by name; `modules` define parts of
    it, and not every model may name them.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self.modules: set[str] = set()

    def encode(self, name: str, value: Any) -> Any:
        """JSON of the value of a field."""
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if tf.is_tensor(value) or isinstance(value, np.ndarray | np.generic):
            return self.array(name, value)
        if isinstance(value, tf.DType):
            return {"dtype": value.name}
        if isinstance(value, tf.TensorSpec):
            encoded = {"spec": value.name, "dtype": value.dtype.name, "shape": list(value.shape)}
            if hasattr(value, "minimum"):
                bounds = value.minimum.tolist(), value.maximum.tolist()
                encoded["bounds"] = self.encode(name, bounds)
            return encoded
        kind = type(value)
        if isinstance(value, Sessions):
            raise ValueError(
                f"{name} must not be saved, since a model goes without its log: save the simulator"
                " whose documents are not logs.Logged"
            )
        if _is_data(kind):
            fields = {
                field: self.encode(f"{name}.{field}", getattr(value, field))
                for field in inspect.signature(kind).parameters
            }
            return {"class": self._path(name, kind), "fields": fields}
        if isinstance(value, types.FunctionType):
            _require_unbound(name, value)
            return {"function": self._path(name, value)}
        # Models hold lists and dictionaries in wrappers of TensorFlow.
        if isinstance(value, tuple | list):
            items = [self.encode(f"{name}[{index}]", item) for index, item in enumerate(value)]
            return {"tuple" if isinstance(value, tuple) else "list": items}
        if isinstance(value, dict):
            return {"dict": self.encode(name, list(value.items()))}
        raise ValueError(
            f"{name} must consist of models, numbers, texts, arrays and functions of modules to be"
            f" saved, got {kind.__name__}"
        )

    def array(self, name: str, value: Any) -> dict[str, str]:
        """Keeps an array under a name."""
        array = np.asarray(value)
        if array.dtype.kind not in NUMBERS:
            raise ValueError(f"{name} must be an array of numbers to be saved, got {array.dtype}")
        self.arrays[name] = array
        return {"array": name}

    def _path(self, name: str, value: Any) -> str:
        """The module and the name of a class or a function."""
        module, attribute = value.__module__, value.__qualname__
        if module == "__main__" or getattr(sys.modules.get(module), attribute, None) is not value:
            raise ValueError(
                f"{name} must be defined in a module, at its top level, to be saved, got"
                f" {attribute} of {module}"
            )
        if not _is_of_models(module, isinstance(value, type)):
            self.modules.add(module)
        return f"{module}:{attribute}"


class Decoder:
    """Makes the values again that `Encoder` encoded, with modules that the caller trusts."""

    def __init__(self, arrays: Mapping[str, np.ndarray], trusted: Sequence[str]):
        self._arrays = arrays
        self._trusted = trusted

    def decode(self, name: str, content: Any) -> Any:
        """The value of a field."""
        match content:
            case None | bool() | int() | float() | str():
                return content
            case {"float": str(number)}:
                return float(number)
            case {"array": str(key)}:
                return self._arrays[key]
            case {"spec": None | str() as title, "dtype": str(dtype), "shape": list(shape)}:
                spec = tf.TensorSpec(shape, tf.as_dtype(dtype), title)
                if "bounds" not in content:
                    return spec
                return bounded_specs(
                    str(title), spec, Bounds(*self.decode(name, content["bounds"]))
                )
            case {"dtype": str(dtype)}:
                return tf.as_dtype(dtype)
            case {"class": str(path), "fields": dict(fields)}:
                return self._object(name, path, fields)
            case {"function": str(path)}:
                function = self._find(name, path, is_class=False)
                if not isinstance(function, types.FunctionType):
                    raise ValueError(f"{name} must be a function, got {path}")
                return function
            case {"tuple": list(items)}:
                return tuple(self._items(name, items))
            case {"list": list(items)}:
                return self._items(name, items)
            case {"dict": items}:
                return dict(self.decode(name, items))
        raise ValueError(f"{name} must be encoded as save_model does, got {str(content)[:40]}")

    def _items(self, name: str, items: list[Any]) -> list[Any]:
        return [self.decode(f"{name}[{index}]", item) for index, item in enumerate(items)]

    def _object(self, name: str, path: str, fields: dict[str, Any]) -> Any:
        kind = self._find(name, path)
        if not _is_data(kind):
            raise ValueError(f"{name} must be of a class of models, got {path}")
        # A model draws the tables that it does not hold, of whatever size the fields say.
        for field in drawn_fields(kind) if issubclass(kind, Model) else ():
            if fields.get(field) is None:
                raise ValueError(f"{name}.{field} must be in the folder, got none")
        values = {field: self.decode(f"{name}.{field}", each) for field, each in fields.items()}
        try:
            return kind(**values)
        except Exception as error:  # The constructors of models can raise anything.
            raise ValueError(f"{name} is refused: {one_line(error)}") from error

    def _find(self, name: str, path: str, is_class: bool = True) -> Any:
        """The class or the function of a path, in the module that defines it."""
        module, _, attribute = path.partition(":")
        if not _MODULE.fullmatch(module) or "__" in module:
            raise ValueError(f"{name} must name a module and a class or a function, got {path!r}")
        if not (_is_of_models(module, is_class) or _is_in(module, self._trusted)):
            package = module if module.startswith("recsim_tf.") else module.partition(".")[0]
            raise ValueError(
                f"{name} names {path}, which is refused, because somebody else may have written the"
                f' model: pass imports=("{package}",), or to a command --trust={package}, if you'
                f" trust {package}"
            )
        try:
            # The module may have functions for gin, also where a configuration is loaded.
            with gin.unlock_config():
                definition = vars(importlib.import_module(module)).get(attribute)
        except (Exception, SystemExit) as error:  # A module can raise anything.
            raise ValueError(
                f"{name} needs the module {module}, which cannot be imported: {one_line(error)}"
            ) from error
        if getattr(definition, "__module__", None) != module:  # Imported there from another module.
            raise ValueError(f"{name} must be defined by {module}, got {path}")
        return definition


def check_imports(imports: Sequence[str]) -> None:
    """Raises a ValueError for anything but names of modules."""
    if isinstance(imports, str) or not all(
        isinstance(name, str) and _MODULE.fullmatch(name) for name in imports
    ):
        raise ValueError(
            f"imports must be names of modules, such as ('my_package',), got {imports!r}"
        )


def _is_data(kind: Any) -> bool:
    """True if the arguments of a class are all that its objects are made of."""
    return isinstance(kind, type) and (
        issubclass(kind, Model | Vocabulary)
        or dataclasses.is_dataclass(kind)
        or (issubclass(kind, tuple) and hasattr(kind, "_fields"))
    )


def _require_unbound(name: str, function: types.FunctionType) -> None:
    """Requires that gin binds no argument of a function: a model holds its name alone."""
    bound: Mapping[str, Any] = {}
    with contextlib.suppress(ValueError):  # gin raises it for a function that it does not know.
        bound = gin.get_bindings(function, resolve_references=False)
    if bound:
        raise ValueError(
            f"{name} must have no arguments from gin to be saved, got {', '.join(bound)} of"
            f" {function.__qualname__}: make it a field of a model"
        )


def _is_of_models(module: str, is_class: bool) -> bool:
    """True if every model may name the classes of a module, or its functions."""
    rooms = (*_ROOMS, _CLASSES_ALONE) if is_class else _ROOMS
    return _is_in(module, rooms) and not _is_in(module, _READERS)


def _is_in(module: str, rooms: Collection[str]) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)
