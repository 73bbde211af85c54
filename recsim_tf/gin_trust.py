"""What a gin file that somebody else wrote may name, decided before anything of it runs.

gin imports what a file says, and calls what it names. A file that may be a stranger's is therefore
parsed first, without gin's tables: its imports, includes and names are compared with those that are
allowed.
"""

import dataclasses
import importlib
import inspect
import io
import math
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import tensorflow as tf
from gin import config_parser

from recsim_tf import registry
from recsim_tf.errors import at, one_line
from recsim_tf.gin_scope import Named, named

# Configurations of the largest runs have some ten thousand characters.
MOST_BYTES = 2**20
# Numbers of the largest table that a configuration makes, 1 GiB of float32.
_MOST_NUMBERS = 2**28
# Values that macros and references expand to.
_MOST_VALUES = 10**6
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
# Sizes of what is simulated, not of a table.
_NOT_OF_TABLES = ("num_users", "num_candidates")
_MAKE_TABLES = ("recsim_tf.environments",)
# By this key Keras finds a class, in any module, in a dictionary that it takes for an object.
_KERAS_KEY = "class_name"


@dataclasses.dataclass(frozen=True)
class Allowed:
    """What a file may name.

    Args:
      called: modules of recsim_tf whose functions and classes values may refer to.
      bound: modules of recsim_tf whose functions and classes may get values.
      names: of gin, beside those, such as "keras.Adam".
      trusted: modules that the caller trusts, with all below them.
      to_trust: what the caller writes to trust a module, with {} for its name.
    """

    called: Sequence[str]
    bound: Sequence[str]
    names: Collection[str] = ()
    trusted: Sequence[str] = ()
    to_trust: str = 'imports=("{}",)'


@dataclasses.dataclass(frozen=True)
class _Reference:
    """A reference in a value, to a configurable or a macro."""

    name: str
    is_macro: bool


class _Delegate(config_parser.ParserDelegate):
    """Keeps references as names, where gin would look them up."""

    def configurable_reference(self, scoped_configurable_name, evaluate):
        del evaluate
        return _Reference(scoped_configurable_name, is_macro=False)

    def macro(self, macro_name):
        return _Reference(macro_name, is_macro=True)


def check_trusted(argument: str, modules: Sequence[str]) -> tuple[str, ...]:
    """Modules that a caller trusts, as a tuple.

    Raises:
      ValueError: for anything but names of modules.
    """
    if isinstance(modules, str) or not all(
        isinstance(name, str) and _MODULE.fullmatch(name) for name in modules
    ):
        raise ValueError(
            f"{argument} must be names of modules, such as ('my_package',), got {modules!r}"
        )
    return tuple(modules)


def check_size(path: Path, most: int = MOST_BYTES) -> None:
    """Raises a ValueError for a file that is larger than any that recsim_tf writes."""
    size = path.stat().st_size
    if size > most:
        raise ValueError(f"{path} must have at most {most:,} bytes, got {size:,}")


def as_file(text: str, path: str) -> io.StringIO:
    """Text as an open file, which gin names in its errors."""
    file = io.StringIO(text)
    file.name = path  # type: ignore[attr-defined]
    return file


def admit(
    text: str, path: str, allowed: Allowed, telling: Callable[[], AbstractContextManager]
) -> None:
    """Requires that a gin file names only what is allowed; then imports the trusted modules that it
    names. Nothing else runs.

    Args:
      text: of the file.
      path: of the file, for errors.
      allowed: what it may name.
      telling: a context in which errors of the syntax and of trusted modules are told.

    Raises:
      ValueError: with the line, what is refused, and what to pass to trust it.
    """
    with telling():
        statements = list(config_parser.ConfigParser(as_file(text, path), _Delegate()))
    imports = []
    for statement in statements:
        where = at(path, statement.location.line_num)
        if isinstance(statement, config_parser.IncludeStatement):
            raise ValueError(
                f"{where}: include {statement.filename!r} is refused: write its lines into the file"
            )
        if isinstance(statement, config_parser.ImportStatement):
            if statement.module.startswith("__gin__."):
                raise ValueError(
                    f"{where}: {statement.format()} is refused: it lets a file name functions that"
                    " gin does not know"
                )
            if _is_trusted(statement.module, allowed):
                imports.append(statement.module)
            elif not _is_of_recsim_tf(statement.module):
                raise _refusal(where, statement.format(), statement.module, allowed)
    with telling():
        for module in imports:
            _import(module)
    _check_names(statements, path, allowed)
    _check_sizes(statements, path)


def _is_trusted(module: str, allowed: Allowed) -> bool:
    return _is_in(module, allowed.trusted)


def _is_of_recsim_tf(module: str) -> bool:
    # A module with an underscore is private, or the command itself.
    return _is_in(module, ("recsim_tf",)) and "._" not in module


def _is_in(module: str, rooms: Collection[str]) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def _refusal(where: str, what: str, module: str, allowed: Allowed) -> ValueError:
    package = module if _is_in(module, ("recsim_tf",)) else module.partition(".")[0]
    return ValueError(
        f"{where}: {what} is refused, because somebody else may have written the file: pass"
        f" {allowed.to_trust.format(package)} if you trust {package}"
    )


def _import(module: str) -> None:
    try:
        importlib.import_module(module)
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:  # Such as SystemExit, which would end the process.
        message = f": {one_line(error)}" if one_line(error) else ""
        raise ImportError(f"import {module} ended with {type(error).__name__}{message}") from error


def _check_names(statements: Sequence[Any], path: str, allowed: Allowed) -> None:
    for statement in statements:
        where = at(path, statement.location.line_num)
        if isinstance(statement, config_parser.BlockDeclaration):
            _check_name(where, statement.selector, "", allowed.bound, allowed)
        if not isinstance(statement, config_parser.BindingStatement):
            continue
        if statement.arg_name:
            _check_name(where, statement.selector, "", allowed.bound, allowed)
        if statement.arg_name == "imports" and "recsim_tf.load_simulator" in [
            found.selector for found in named(statement.selector)
        ]:
            _check_imports(where, statement.value, allowed)
        for value in _leaves(statement.value):
            if isinstance(value, _Reference):
                if value.is_macro:
                    _check_macro(where, value.name, allowed)
                else:
                    name = value.name.rpartition("/")[2]
                    _check_name(where, name, "@", allowed.called, allowed)
            elif isinstance(value, str):
                _check_text(where, value, allowed)


def _check_name(where: str, name: str, sign: str, rooms: Sequence[str], allowed: Allowed) -> None:
    """Requires that all that a name may mean is allowed; gin refuses a name without a meaning."""
    for found in named(name):
        if not (
            found.selector in allowed.names
            or _is_in(found.defined_in, [*rooms, *allowed.trusted])
            or _is_trusted(found.module, allowed)
        ):
            raise _refusal(where, f"{sign}{name}", found.defined_in, allowed)


def _check_macro(where: str, name: str, allowed: Allowed) -> None:
    """A macro is the file's own; a constant is of Python code that gave it to gin."""
    for found in named(name, constants=True):
        if not (
            found.selector == "gin.REQUIRED"
            or isinstance(found.function, (bool, int, float, str, tf.DType))
            or _is_trusted(found.module, allowed)
            or _is_trusted(found.defined_in, allowed)
        ):
            raise _refusal(where, f"%{name}", found.module or found.defined_in, allowed)


def _check_text(where: str, text: str, allowed: Allowed) -> None:
    """Requires that a text names no code: no object of Keras, no environment of another module."""
    if text == _KERAS_KEY:
        raise ValueError(f"{where}: {text!r} is refused: name the function or class by @")
    module = registry.defined_in(text)
    if module is not None and not _is_in(module, ["recsim_tf", *allowed.trusted]):
        raise _refusal(where, repr(text), module, allowed)


def _check_imports(where: str, value: Any, allowed: Allowed) -> None:
    """A file cannot trust modules in the caller's stead."""
    for module in _leaves(value):
        if not (isinstance(module, str) and _is_trusted(module, allowed)):
            shown = repr(module) if isinstance(module, str) else "a reference"
            raise _refusal(where, f"imports = {shown}", str(module), allowed)


def _leaves(value: Any) -> Iterator[Any]:
    """What the containers of a value hold."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(key)
            yield from _leaves(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _check_sizes(statements: Sequence[Any], path: str) -> None:
    """Bounds what a file can make of a few lines: values that macros and references multiply, and
    tables that functions and classes make.
    """
    bindings = [each for each in statements if isinstance(each, config_parser.BindingStatement)]
    _check_expansion(bindings, path)
    macros = {_macro(each): each.value for each in bindings if not each.arg_name}
    sizes: dict[str, dict[str, int]] = {}
    for each in bindings:
        value = each.value
        if isinstance(value, _Reference) and value.is_macro:
            value = macros.get(value.name)
        if _is_size(each.arg_name) and type(value) is int:
            tables = [
                found for found in named(each.selector) if _is_in(found.defined_in, _MAKE_TABLES)
            ]
            for found in tables:
                of_this = sizes.setdefault(found.selector, _default_sizes(found))
                of_this[each.arg_name] = max(value, of_this.get(each.arg_name, 1))
                number = math.prod(size for size in of_this.values() if size > 0)
                if number > _MOST_NUMBERS:
                    raise ValueError(
                        f"{at(path, each.location.line_num)}: {' x '.join(of_this)} of"
                        f" {each.selector} must be at most {_MOST_NUMBERS:,} numbers, got"
                        f" {number:,}"
                    )


def _is_size(parameter: str) -> bool:
    return parameter.startswith("num_") and parameter not in _NOT_OF_TABLES


def _default_sizes(found: Named) -> dict[str, int]:
    parameters = inspect.signature(found.function).parameters.values()
    return {
        parameter.name: parameter.default
        for parameter in parameters
        if _is_size(parameter.name) and type(parameter.default) is int
    }


def _macro(binding: config_parser.BindingStatement) -> str:
    return f"{binding.scope}/{binding.selector}" if binding.scope else binding.selector


def _check_expansion(
    bindings: Sequence[config_parser.BindingStatement], path: str, most_rounds: int = 64
) -> None:
    parts: dict[str, list[str]] = {}
    numbers: dict[str, int] = {}
    for binding in bindings:
        # Scopes are left out: a scope has at most the values of all.
        name = binding.selector.rpartition(".")[2] if binding.arg_name else f"%{_macro(binding)}"
        leaves = list(_leaves(binding.value))
        references = [leaf for leaf in leaves if isinstance(leaf, _Reference)]
        parts.setdefault(name, []).extend(
            f"%{each.name}" if each.is_macro else re.split(r"[./]", each.name)[-1]
            for each in references
        )
        numbers[name] = numbers.get(name, 0) + len(leaves)
    total = dict.fromkeys(parts, 1)
    # Each round goes one reference deeper, of which Python allows few hundred.
    for _ in range(most_rounds):
        before = total
        total = {
            name: numbers[name] + sum(before.get(part, 1) for part in inner)
            for name, inner in parts.items()
        }
        largest = max(total, key=total.__getitem__, default=None)
        if largest is not None and total[largest] > _MOST_VALUES:
            raise ValueError(
                f"{at(path)}: {largest} must stand for at most {_MOST_VALUES:,} values, and"
                " references multiply it to more"
            )
        if total == before:
            return
