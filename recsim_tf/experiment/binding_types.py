"""Types of what a configuration binds, checked against the annotations of the parameters."""

import collections.abc
import dataclasses
import functools
import inspect
import numbers
import textwrap
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import gin
from gin.config import ConfigurableReference

from recsim_tf.core.parameters import Model, ParameterSpec
from recsim_tf.core.simulator import Simulator
from recsim_tf.experiment.runs.errors import UsageError
from recsim_tf.gin_scope import bindings

# The packages whose configurables are checked.
_CHECKED = ("recsim_tf", "keras", "tf_keras", "tensorflow_probability")

_LITERALS = (str, numbers.Number, tuple, list, dict)

_Function = TypeVar("_Function", bound=Callable)

_WORDS = {
    int: "an integer",
    float: "a number",
    bool: "True or False",
    str: "a string",
    type(None): "None",
    collections.abc.Callable: "a function",
    collections.abc.Sequence: "a tuple",
    collections.abc.Mapping: "a dictionary",
    tuple: "a tuple",
    dict: "a dictionary",
}


class _Fault(NamedTuple):
    """A value, or a part of one, that is of a wrong type."""

    name: str
    value: Any
    annotation: Any


def check_type(name: str, value: Any, annotation: Any, source: str = "") -> None:
    """Requires a value to be of the type of an annotation.

    Args:
      name: of the parameter, such as "experiment.simulator".
      value: what it received. A reference of gin with parentheses passes, because what it gives is
        not known yet.
      annotation: of the parameter. What is neither a class, nor a union, a tuple or a dictionary of
        such passes everything.
      source: the reference that gave the value, for the error.

    Raises:
      UsageError: with what was got, what is allowed and what to write.
    """
    fault = next(_faults(name, value, annotation), None)
    if fault is not None:
        source = f" from {source}" if source else ""
        if fault.value is None and source:
            source += ", which returns nothing"
        raise UsageError(
            f"{fault.name} must be {_words(fault.annotation)}, got {_shown(fault.value)}{source}"
            f"{_hint(fault.value, fault.annotation)}"
        )


def typed(name: str) -> Callable[[_Function], _Function]:
    """A decorator for a function that has this name in gin files: it checks what it receives."""

    def decorate(function):
        signature = inspect.signature(function)

        @functools.wraps(function)
        def checked(*args, **kwargs):
            annotations = typing.get_type_hints(function)
            for parameter, value in signature.bind(*args, **kwargs).arguments.items():
                binding = f"{name}.{parameter}"
                check_type(binding, value, annotations[parameter], _source(binding))
            return function(*args, **kwargs)

        # gin looks for required arguments in it.
        checked.__signature__ = signature  # type: ignore[attr-defined]
        return checked

    return decorate


def check_bindings() -> None:
    """Checks all that the configuration binds to parameters of recsim_tf, of Keras's optimizers and
    of TFP's distributions, as far as it is known before anything is built.

    Raises:
      UsageError: as `check_type`.
    """
    for name, configurable, parameter, value in bindings():
        if configurable.__module__.partition(".")[0] in _CHECKED:
            check_type(name, value, _annotations(configurable).get(parameter, Any))


@functools.cache
def _annotations(configurable: Callable) -> dict[str, Any]:
    """Those of its parameters. What an environment hands on as `**kwargs` goes to the simulator."""
    # TF-Agents' networks wrap theirs.
    function = inspect.unwrap(
        configurable.__init__ if inspect.isclass(configurable) else configurable
    )
    parameters = inspect.signature(function).parameters.values()
    found: dict[str, Any] = {}
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        found |= typing.get_type_hints(Simulator.__init__)
    if configurable.__module__.partition(".")[0] != "recsim_tf":
        found |= {parameter.name: _of_default(parameter) for parameter in parameters}
    found |= typing.get_type_hints(function)
    if inspect.isclass(configurable) and issubclass(configurable, Model):
        found |= dict(_of_model(configurable))
    return found


def _of_default(parameter: inspect.Parameter) -> Any:
    """The type of a parameter without an annotation, by its default."""
    if isinstance(parameter.default, (bool, str)):
        return type(parameter.default)
    if parameter.default is None and parameter.name == "name":
        return str | None
    return _numbers(0, or_none=parameter.default is None)


def _of_model(model: type[Model]) -> Iterator[tuple[str, Any]]:
    """The types of a model's parameters by name."""
    for field in dataclasses.fields(model):
        for spec in field.metadata.values():
            if isinstance(spec, ParameterSpec):
                yield field.name, _numbers(spec.rank, or_none=field.default is None)


def _numbers(rank: int, or_none: bool) -> Any:
    """A number or a table of up to `rank` axes, and one for each user."""
    allowed: Any = float
    for _ in range(rank + 1):
        allowed = float | Sequence[allowed]
    return allowed | None if or_none else allowed


def _faults(name: str, value: Any, annotation: Any) -> Iterator[_Fault]:
    kind, parts = typing.get_origin(annotation) or annotation, typing.get_args(annotation)
    value = _without_macro(value)
    if isinstance(value, ConfigurableReference) and not value.evaluate:
        value = value.configurable.wrapped
    if kind in (typing.Union, types.UnionType):
        found = [list(_faults(name, value, part)) for part in parts]
        if all(found):
            inside = [faults[0] for faults in found if faults[0].name != name]
            yield inside[0] if inside else _Fault(name, value, annotation)
    elif not _is_of(value, kind):
        yield _Fault(name, value, annotation)
    elif isinstance(value, Mapping) and len(parts) == 2:
        for key, part in value.items():
            yield from _faults(f"{name}[{key!r}]", part, parts[1])
    elif isinstance(value, (tuple, list)) and parts:
        for index, part in enumerate(value):
            yield from _faults(f"{name}[{index}]", part, parts[0])


def _is_of(value: Any, kind: Any) -> bool:
    """Whether a value is of a type without parts."""
    if isinstance(value, ConfigurableReference):
        return not _missing(value) and (kind is Any or _may_give(value, kind))
    if kind is collections.abc.Callable:
        return callable(value)
    if kind is Any or not isinstance(kind, type):
        return True
    if _is_protocol(kind) and not getattr(kind, "_is_runtime_protocol", False):
        # Only type checkers know it; no literal has methods of a protocol.
        return not (value is None or isinstance(value, _LITERALS))
    if inspect.isclass(value):
        return kind is type
    if isinstance(value, bool):
        return kind in (bool, object)
    if kind in (int, float):
        return isinstance(value, numbers.Integral if kind is int else numbers.Real)
    if kind in (tuple, list, Sequence):
        return isinstance(value, Sequence) and not isinstance(value, str)
    return isinstance(value, kind)


def _may_give(reference: ConfigurableReference, kind: Any) -> bool:
    """Whether a reference with parentheses may give a value of a type, as far as is known without a
    call.
    """
    target = reference.configurable.wrapped
    if not inspect.isclass(target):
        return True
    if kind is collections.abc.Callable:
        return any("__call__" in vars(base) for base in target.__mro__)
    # A reference may give a tensor in the place of numbers.
    if kind in (bool, str):
        return False
    is_class = (
        isinstance(kind, type) and kind not in (int, float, object) and not _is_protocol(kind)
    )
    return not is_class or kind.__module__ == "collections.abc" or issubclass(target, kind)


def _is_protocol(kind: type) -> bool:
    return getattr(kind, "_is_protocol", False)


def _missing(reference: ConfigurableReference) -> list[str]:
    """The parameters without which a reference with parentheses cannot be called, and that are not
    bound in any scope.
    """
    configurable = reference.configurable
    bound = {parameter for _, other, parameter, _ in bindings() if other is configurable.wrapped}
    return [
        f"{configurable.name}.{parameter.name}"
        for parameter in inspect.signature(configurable.wrapped).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and parameter.name not in bound
    ]


def bound_value(name: str) -> Any:
    """What the configuration binds to a parameter, with references as such; None for nothing."""
    try:
        return _without_macro(gin.query_parameter(name))
    except ValueError:
        return None


def _without_macro(value: Any) -> Any:
    is_macro = isinstance(value, ConfigurableReference) and repr(value)[0] == "%"
    return bound_value(repr(value)) if is_macro else value


def _source(name: str) -> str:
    """The reference with parentheses that a parameter is bound to; empty for other values."""
    bound = bound_value(name)
    return repr(bound) if isinstance(bound, ConfigurableReference) and bound.evaluate else ""


def _words(annotation: Any) -> str:
    """What an annotation allows."""
    return " or ".join(
        _WORDS.get(kind) or _with_article(getattr(kind, "__name__", str(kind)))
        for kind in _kinds(annotation)
    )


def _shown(value: Any) -> str:
    if isinstance(value, ConfigurableReference):
        return repr(value)
    if inspect.isclass(value):
        return f"the class {value.__name__}"
    if inspect.isroutine(value):
        return f"the function {value.__name__}"
    if value is None or isinstance(value, _LITERALS):
        return textwrap.shorten(repr(value), 80, placeholder=" ...")
    return _with_article(type(value).__name__)


def _hint(value: Any, annotation: Any) -> str:
    """What to write in place of a reference."""
    if isinstance(value, ConfigurableReference):
        if collections.abc.Callable in _kinds(annotation):
            return f": write {repr(value)[:-2]} without parentheses"
        missing = _missing(value)
        if missing:
            return f" without a value for {', '.join(missing)}"
        return f", which gives {_with_article(value.configurable.wrapped.__name__)}"
    if inspect.isclass(value) or inspect.isroutine(value):
        return f": write @{value.__name__}() with parentheses"
    return ""


def _kinds(annotation: Any) -> list[Any]:
    """The members of a union, or what is none, without their parts."""
    kind = typing.get_origin(annotation) or annotation
    if kind in (typing.Union, types.UnionType):
        return [inner for part in typing.get_args(annotation) for inner in _kinds(part)]
    return [kind]


def _with_article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIO' else 'a'} {name}"
