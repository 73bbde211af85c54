# SPDX-License-Identifier: Apache-2.0
"""Errors of a configuration in one line, with the file and line of the binding at fault.

Messages of gin and of Python are repeated and never parsed. The statements of the files, and the
functions that an error came through, say which binding is at fault.
"""

import contextlib
import importlib.util
import inspect
import re
import sys
import textwrap
import tokenize
import traceback
import typing
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import gin
from gin.config_parser import BindingStatement, BlockDeclaration, ImportStatement, IncludeStatement

from recsim_tf.experiment.gin.bindings import all_statements, has_value, references
from recsim_tf.experiment.gin.config_files import find_config
from recsim_tf.support import errors
from recsim_tf.support.errors import UsageError, instead

# Errors of gin's parser.
_SYNTAX = (SyntaxError, tokenize.TokenError)
_VALUES = "values are Python's literals, %macros, and functions as @function or @function()"
# Names in gin files that are not those of the functions and classes.
_GIVEN_NAMES = {"devices", "simulate", "sweep", "train"}


class _ReadingError(UsageError):
    """An error whose message has its place."""


@contextlib.contextmanager
def reading(files: Sequence[str | Path], bindings: Sequence[str] = ()) -> Iterator[None]:
    """Makes one line of an error that gin, or a module that it imports, raises inside, where these
    files and bindings are read.

    Raises:
      UsageError: one line with the place, and with the nearest name instead of an unknown one.
    """
    try:
        yield
    except UsageError:
        raise
    except (Exception, SystemExit) as error:  # A module can raise anything.
        raise _ReadingError(_reading_error(error, files, bindings)) from error


def _reading_error(error: BaseException, files: Sequence[str | Path], bindings: Any) -> str:
    line, message = None, errors.one_line(error).rstrip(".")
    if isinstance(error, _SYNTAX) and not str(getattr(error, "filename", "")).endswith(".py"):
        line = getattr(error, "lineno", None) or error.args[1][0]
        text = getattr(error, "text", None) or error.args[0]
        message = f"cannot read {text.strip()!r}: {_VALUES}"
    elif errors.fault_location(error) is not None:  # In a module.
        return errors.error_line(error)
    else:
        statements = []
        with contextlib.suppress(*_SYNTAX):  # Below the fault.
            for statement in all_statements(files, bindings):
                statements.append(statement)
                if fault := _fault(statement):
                    return f"{_where(statement)}: {fault}"
        # gin looks for macros after it has read all files: they may be bound below their use.
        for statement in statements:
            for reference in references(getattr(statement, "value", None)):
                if not has_value(reference):
                    return f"{_where(statement)}: {reference} has no value"
    where = _shown(bindings[-1]) if bindings else errors.location(str(files[-1]), line)
    return f"{where}: {message}"


def _where(statement: Any) -> str:
    place = statement.location
    if place.filename:
        return errors.location(place.filename, place.line_num)
    return _shown(place.line_content)


def _shown(binding: str) -> str:
    return f"binding {textwrap.shorten(binding, 100)!r}"


def _fault(statement: Any) -> str | None:
    """The fault of a statement: a file or a module that is missing, or a name that gin does not
    know, with the nearest that it knows; or None.
    """
    if isinstance(statement, IncludeStatement):
        try:
            find_config(statement.filename, "include")
        except UsageError as error:
            return str(error)
    if isinstance(statement, ImportStatement) and _is_missing(statement.module):
        where = "neither in the current folder nor among the installed packages"
        return f"no module {statement.module}, {where}"
    names = [ref.name for ref in references(getattr(statement, "value", None)) if ref[0] == "@"]
    parameter = getattr(statement, "arg_name", None)
    if parameter or isinstance(statement, BlockDeclaration):
        names = [statement.selector, *names]
    for name in names:
        if not _is_known(name):
            modules = [each for each in list(sys.modules.values()) if isinstance(each, ModuleType)]
            candidates = filter(_is_known, _GIVEN_NAMES.union(*map(vars, modules)))
            nearest = instead(name, list(candidates), "import the module that defines it")
            return f"{name} is unknown; {nearest}"
    if parameter:
        parameters = _parameters(gin.get_configurable(statement.selector))
        if parameters is not None and parameter not in parameters:
            nearest = instead(parameter, parameters, f"it has {', '.join(parameters)}")
            return f"{statement.selector} has no parameter {parameter}; {nearest}"
    return None


def _parameters(function: Callable) -> list[str] | None:
    """The names of all arguments of a function; None if it takes any name."""
    names: list[str] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is not parameter.VAR_KEYWORD:
            names.append(name)
        elif typing.get_origin(parameter.annotation) is typing.Unpack:
            # `**options: Unpack[Options]` takes the keys of the typed dictionary `Options`.
            names += typing.get_args(parameter.annotation)[0].__annotations__
        else:
            return None
    return names


def _is_missing(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is None
    except (ImportError, ValueError) as error:  # A ValueError for a module without a spec.
        return isinstance(error, ImportError)


def _is_known(name: str) -> bool:
    try:
        gin.get_configurable(name)
    except (ValueError, KeyError) as error:  # A KeyError for a name of several.
        return isinstance(error, KeyError)
    return True


@contextlib.contextmanager
def refusals(files: Sequence[str | Path], bindings: Sequence[str]) -> Iterator[None]:
    """Adds to an error of a function or class which binding led to it, of these that are in force
    inside. Raises a UsageError in place of a ValueError or a TypeError about an argument that one
    of them binds.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        if isinstance(error, _ReadingError) or errors.fault_location(error) is not None:
            raise
        statements = []
        with contextlib.suppress(OSError, *_SYNTAX):  # Files may have changed since they were read.
            statements = list(all_statements(files, bindings))
        bound = [each for each in statements if isinstance(each, BindingStatement)]
        # Names of the functions and classes that the error came through.
        frames = traceback.walk_tb(error.__traceback__)
        callers = {frame.f_code.co_qualname.partition(".")[0] for frame, _ in frames}
        callers.add(getattr(error, "owner", "").partition(".")[0])
        message = errors.one_line(error)
        statement = _binding_of(message, callers, bound)
        if statement is None:
            raise
        raise UsageError(f"{_where(statement)}: {message}") from error


def _binding_of(message: str, callers: set[str], bound: Sequence[Any]) -> Any:
    """The binding that a message is about: of the argument of a caller that it names first; else of
    the argument that it begins with; else one whose value is a function or class that it names.
    None if it is about none, or about one in several scopes.
    """
    words = re.findall(r"[\w.]+", message) or [""]
    arguments = [word.rpartition(".")[2] for word in words]
    of_callers = [
        each
        for each in bound
        if each.arg_name in arguments
        and gin.get_configurable(each.selector).__qualname__ in callers
    ]
    first = min((arguments.index(each.arg_name) for each in of_callers), default=0)
    candidates = (
        [each for each in of_callers if each.arg_name == arguments[first]]
        or [each for each in bound if f".{each.selector}.{each.arg_name}".endswith(f".{words[0]}")]
        or [each for each in bound if any(ref.name in words for ref in references(each.value))]
    )
    # The last one is in force, unless they are of several scopes.
    places = {(statement.scope, statement.selector) for statement in candidates}
    return candidates[-1] if len(places) == 1 else None
