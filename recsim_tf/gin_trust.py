"""What a gin file that somebody else wrote may name, decided before anything of it runs.

gin imports what a file says, and calls what it names. A file that may be a stranger's is therefore
parsed first, without gin's tables: its imports, includes and names are compared with those that are
allowed.
"""

import dataclasses
import importlib
import io
import re
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import tensorflow as tf
from gin import config_parser

from recsim_tf import registry
from recsim_tf.errors import at, one_line
from recsim_tf.gin_scope import named
from recsim_tf.gin_values import Delegate, Reference, check_sizes, leaves

# Configurations of the largest runs have some ten thousand characters.
MOST_BYTES = 2**20
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
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
        statements = list(config_parser.ConfigParser(as_file(text, path), Delegate()))
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
    check_sizes(statements, path)


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
        for value in leaves(statement.value):
            if isinstance(value, Reference):
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
    for module in leaves(value):
        if not (isinstance(module, str) and _is_trusted(module, allowed)):
            shown = repr(module) if isinstance(module, str) else "a reference"
            raise _refusal(where, f"imports = {shown}", str(module), allowed)
