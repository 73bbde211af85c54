# SPDX-License-Identifier: Apache-2.0
"""Arguments are what their annotations say, in functions, classes, models and gin files alike.

    @checked
    def value(simulator: Simulator, num_steps: Count, gamma: Fraction = 1.0): ...

A value that its annotation does not allow is refused in one sentence, such as "gamma must be in
[0, 1], got 2". Checked are numbers, strings, bools, names, functions, dictionaries, paths and the
classes of recsim_tf. Every other annotation allows every value. A default is always allowed.
"""

import functools
import inspect
import numbers
import os
import types
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    Protocol,
    TypeVar,
    cast,
    get_args,
    get_origin,
    overload,
)

import gin
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core.base.ranges import Range, shown

T = TypeVar("T", bound=Callable[..., Any])
# What is allowed, in words that follow "must be"; None where a value is allowed.
Fault = Callable[[Any], str | None]


class AtLeast(NamedTuple):
    """Integers of `least` or more. They may be integers of Python or NumPy, but no bools, and int32
    must hold them.
    """

    least: int

    def fault(self, value: Any) -> str | None:
        """What is allowed, in words that follow "must be"; None where the value is allowed."""
        if not is_integer(value) or value < self.least:
            return f"an integer of at least {self.least}"
        return f"at most {tf.int32.max}" if value > tf.int32.max else None


class OneOf:
    """Strings of a list, or the keys of a dictionary."""

    def __init__(self, names: Collection[str]):
        self.names = names

    def __repr__(self) -> str:
        return f"OneOf({', '.join(self.names)})"

    def fault(self, value: Any) -> str | None:
        """What is allowed, in words that follow "must be"; None where the value is allowed."""
        if isinstance(value, str) and value in self.names:
            return None
        return f"{'one of ' * (len(self.names) > 1)}{', '.join(self.names)}"


WholeNumber = Annotated[int, AtLeast(0)]
Count = Annotated[int, AtLeast(1)]
Fraction = Annotated[float, Range(low=0, high=1)]
Positive = Annotated[float, Range(above=0)]
NotNegative = Annotated[float, Range(low=0)]


def is_integer(value: Any) -> bool:
    """True if a value is an integer of Python or NumPy, and no bool."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def kind_of(value: Any) -> str:
    """The type of an argument, for an error; of a function or class also the advice to call it."""
    kind = "class" if isinstance(value, type) else type(value).__name__
    if isinstance(value, type) or inspect.isfunction(value):
        return f"{kind} {value.__name__}: write {value.__name__}(), in gin files @ before it"
    return kind


class ArgumentError(ValueError):
    """An argument that its annotation does not allow."""

    owner = ""  # the qualified name of the function that refuses it, where that is known


def require(name: str, value: Any, annotation: Any) -> None:
    """Requires a value to be what an annotation says.

    Args:
      name: the argument's name, for the error.
      value: the argument.
      annotation: a type, such as `Count`, `Simulator`, `Sequence[Count]` or `Fraction | None`.

    Raises:
      ArgumentError: if the annotation does not allow the value.
    """
    alternatives = list(_alternatives(annotation))
    words = [_words(each, value) for each in alternatives]
    if all(words):
        *most, last = map(str, words)
        allowed = f"{', '.join(most)} or {last}" if most else last
        are_classes = all(_is_class(each) or each is types.NoneType for each in alternatives)
        got = kind_of(value) if are_classes else shown(value)
        raise ArgumentError(f"{name} must be {allowed}, got {got}")
    classes = [each for each in alternatives if _is_class(each) and not get_args(each)]
    if not all(_words(each, value) for each in classes):
        return  # An object of recsim_tf may be a dictionary, of entries that it checks itself.
    for each in alternatives:
        is_dict = get_origin(each) is Mapping
        if (entry := _entry(each)) and (isinstance(value, Mapping) if is_dict else _is_list(value)):
            for key, part in value.items() if is_dict else enumerate(value):
                require(f"{name}[{key!r}]", part, entry)


def checked(target: T) -> T:
    """The same function or class, which requires arguments to be what their annotations say. A
    class has a constructor of its own.
    """
    if isinstance(target, type):
        name = "__new__" if issubclass(target, tuple) else "__init__"
        constructor = checked(getattr(target, name))
        setattr(target, name, staticmethod(constructor) if name == "__new__" else constructor)
        return target
    signature = inspect.signature(target)
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

    @functools.wraps(target)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError:  # Python's error names the function.
            return target(*args, **kwargs)
        for name, value in given.items():
            parameter = signature.parameters[name]
            if parameter.kind not in several and value is not parameter.default:
                try:
                    require(name, value, parameter.annotation)
                except ArgumentError as error:
                    error.owner = target.__qualname__
                    raise
        return target(*args, **kwargs)

    # gin reads the names of arguments from it.
    guarded.__signature__ = signature  # type: ignore[attr-defined]
    return cast(T, guarded)


@overload
def configurable(name: T) -> T: ...


@overload
def configurable(name: str | None = None, **options: Any) -> Callable[[T], T]: ...


def configurable(name: Any = None, **options: Any) -> Any:
    """`gin.configurable`, with arguments that are checked by their annotations as by `checked`."""
    if callable(name):
        return gin.configurable(checked(name))
    return lambda target: gin.configurable(name, **options)(checked(target))


_WORDS = {
    Callable: "a function",
    Mapping: "a dict",
    os.PathLike: "a path",
    tfd.Distribution: "a distribution of TFP",
}


def _alternatives(annotation: Any) -> Iterator[Any]:
    """The parts of a union, or the annotation alone."""
    if get_origin(annotation) in (typing.Union, types.UnionType):
        for each in get_args(annotation):
            yield from _alternatives(each)
    else:
        yield annotation


def _words(annotation: Any, value: Any) -> str | None:
    """What an annotation other than a union allows; None where it allows the value."""
    rule = _rule(annotation)
    return rule(value) if rule else None


def _rule(annotation: Any) -> Fault | None:
    """The rule of an annotation other than a union; None where all values are allowed."""
    if hasattr(annotation, "__metadata__"):
        return annotation.__metadata__[0].fault
    if get_origin(annotation) is Literal:
        return OneOf(get_args(annotation)).fault
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if get_origin(annotation) in (Sequence, tuple) and _entry(annotation):
        return _several
    return functools.partial(_object_of, annotation) if _is_class(annotation) else None


def _flag(value: Any) -> str | None:
    # Tensors have no values yet inside of graphs.
    return None if isinstance(value, bool | np.bool_) or tf.is_tensor(value) else "True or False"


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) or tf.is_tensor(value) else "a string"


def _whole(value: Any) -> str | None:
    return None if is_integer(value) or tf.is_tensor(value) else "a whole number"


def _none(value: Any) -> str | None:
    return None if value is None else "None"


_PLAIN: dict[Any, Fault] = {
    bool: _flag,
    str: _text,
    int: _whole,
    float: Range().fault,
    types.NoneType: _none,
}


def _is_list(value: Any) -> bool:
    """Whether a value is a sequence, or an array or column [n]."""
    is_sequence = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    return is_sequence or getattr(value, "ndim", None) == 1


def _several(value: Any) -> str | None:
    return None if _is_list(value) else "a list"


def _entry(annotation: Any) -> Any:
    """What each entry must be by an annotation such as `Sequence[Count]` or `Mapping[str, Count]`;
    None where entries may be anything.
    """
    kind, parts = get_origin(annotation), get_args(annotation)
    is_list = kind is Sequence or (kind is tuple and parts[1:] == (Ellipsis,))
    entry = parts[0] if is_list else parts[1] if kind is Mapping else None
    return entry if _rule(entry) else None


def _is_class(annotation: Any) -> bool:
    """Whether objects are asked for their class: one of recsim_tf, or a function, dict or path.
    Protocols are not: an argument may be converted to an object that has them.
    """
    kind = get_origin(annotation) or annotation
    is_own = isinstance(kind, type) and kind.__module__.split(".")[0] == "recsim_tf"
    return kind in _WORDS or (is_own and Protocol not in kind.__bases__)


def _object_of(annotation: Any, value: Any) -> str | None:
    kind = get_origin(annotation) or annotation
    article = "an" if kind.__name__[0] in "AEIO" else "a"
    return None if isinstance(value, kind) else _WORDS.get(kind, f"{article} {kind.__name__}")
