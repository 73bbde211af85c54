"""Errors of a configuration in one line, with the file and line of the binding at fault."""

import contextlib
import inspect
import re
import sys
import textwrap
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import gin
from gin import config_parser

from recsim_tf.experiment.gin.bindings import all_statements, has_value, references
from recsim_tf.support.errors import (
    UsageError,
    error_line,
    fault_location,
    instead,
    location,
    one_line,
)

# Additions of gin to a message: the place of a fault, and the functions and classes that it was
# calling, the innermost first.
_LOCATION = re.compile(r'\n  In file "(.+)", line (\d+)\n')
_CALLED = re.compile(r"\n  In call to configurable '(\w+)'")
# The argument that a message is about: its first word, such as "layers" in "experiment.layers[0]",
# or one that a function does not have, in Python's words.
_ARGUMENT = re.compile(r"(?:\w+\.)?(\w+)")
_UNEXPECTED = re.compile(r"got an unexpected keyword argument '(\w+)'")
# How messages show a class or a function in place of an object.
_UNCALLED = re.compile(r"\bgot (the |<)?(class|function|type)\b")
# Errors of gin's parser.
_SYNTAX = (SyntaxError, tokenize.TokenError)
# Names in gin files that are not those of the functions and classes.
_GIVEN_NAMES = {"devices", "simulate", "sweep", "train"}


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
        raise UsageError(_reading_error(error, files, bindings)) from error


def _reading_error(
    error: BaseException, files: Sequence[str | Path], bindings: Sequence[str]
) -> str:
    file, line, message = _of_syntax(error)
    if message is None:
        if fault_location(error) is not None:  # In a module.
            return error_line(error)
        found = _LOCATION.search(str(error))
        if found is not None:
            file, line = found[1], int(found[2])
        if isinstance(error, ValueError):
            # gin misses macros after it has read all files: they may be bound below their use.
            unknown = _first_unknown(files, bindings, with_macros=found is None)
            if unknown is not None:
                return unknown
        message = one_line(error).rstrip(".")
    if isinstance(error, ModuleNotFoundError):
        message += ", neither in the current folder nor among the installed packages"
    if file is None and bindings:
        return f"{_shown(bindings[-1])}: {message}"
    return f"{location(file or str(files[-1]), line)}: {message}"


def _of_syntax(error: BaseException) -> tuple[str | None, int | None, str | None]:
    """File, line and message of an error in the syntax of a gin file or a binding; else None."""
    if isinstance(error, tokenize.TokenError) and error.args:
        message, (line, _) = error.args
        return None, line, message
    if not isinstance(error, SyntaxError) or str(error.filename).endswith(".py"):
        return None, None, None
    message = " ".join(error.msg.split()).rstrip(".")
    # gin says so of a name where it expects a value.
    word = message.partition("Failed to parse token ")[2].strip("'")
    if word:
        message = (
            f"{word} is no value: write a string in quotes, and @{word} for a function or a class"
        )
    # Python's tokenizer names the text that it reads <string>.
    return error.filename if error.filename != "<string>" else None, error.lineno, message


def _first_unknown(
    files: Sequence[str | Path], bindings: Sequence[str], with_macros: bool
) -> str | None:
    """The first name that gin does not know, with its place and the nearest name; or None."""
    with contextlib.suppress(*_SYNTAX):  # Below the fault.
        for statement in all_statements(files, bindings):
            unknown = _unknown(statement)
            if unknown is not None:
                return f"{_where(statement)}: {unknown}"
            for reference in references(getattr(statement, "value", None)):
                if with_macros and not has_value(reference):
                    return f"{_where(statement)}: {reference} has no value"
    return None


def _where(statement: Any) -> str:
    found = statement.location
    if found.filename:
        return location(found.filename, found.line_num)
    return _shown(found.line_content)


def _shown(binding: str) -> str:
    return f"binding {textwrap.shorten(binding, 100)!r}"


def _unknown(statement: Any) -> str | None:
    """The name in a statement that gin does not know, and the nearest that it knows; or None."""
    value = getattr(statement, "value", None)
    names = [each.name for each in references(value) if each.startswith("@")]
    parameter = getattr(statement, "arg_name", None)
    if parameter or isinstance(statement, config_parser.BlockDeclaration):
        names = [statement.selector, *names]
    for name in names:
        if not _is_known(name):
            modules = [each for each in list(sys.modules.values()) if isinstance(each, ModuleType)]
            imported = _GIVEN_NAMES.union(*(vars(module) for module in modules))
            known = list(filter(_is_known, imported))
            nearest = instead(name, known, "import the module that defines it")
            return f"{name} is unknown; {nearest}"
    if parameter:
        known = list(inspect.signature(gin.get_configurable(statement.selector)).parameters)
        if parameter not in known:
            nearest = instead(parameter, known, f"it has {', '.join(known)}")
            return f"{statement.selector} has no parameter {parameter}; {nearest}"
    return None


def _is_known(name: str) -> bool:
    try:
        gin.get_configurable(name)
    except (ValueError, KeyError) as error:  # A KeyError for a name of several.
        return isinstance(error, KeyError)
    return True


@contextlib.contextmanager
def refusals(files: Sequence[str | Path], bindings: Sequence[str]) -> Iterator[None]:
    """Adds to an error of a function or class which binding led to it, of these that are in force
    inside.

    Raises:
      UsageError: in place of a ValueError or a TypeError about an argument that one of them binds.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        called = _CALLED.findall(str(error))
        if not called or fault_location(error) is not None:
            raise
        message, found = one_line(error), []
        with contextlib.suppress(OSError, *_SYNTAX):  # Files may have changed since they were read.
            for statement in all_statements(files, bindings):
                if isinstance(statement, config_parser.BindingStatement):
                    found.append((statement, _remedy(message, called, statement)))
        found = [(statement, remedy) for statement, remedy in found if remedy is not None]
        # The last one is in force, unless they are of several scopes.
        if len({statement.scope for statement, _ in found}) != 1:
            raise
        raise UsageError(f"{_where(found[-1][0])}: {message}{found[-1][1]}") from error


def _remedy(message: str, called: Sequence[str], statement: Any) -> str | None:
    """The remedy for a binding that led to an error, which is empty where the message says it; None
    where the binding did not lead to it.
    """
    found = list(references(statement.value))
    for reference in found:
        uncalled = f"write {reference[:-2]} without parentheses"
        if reference.endswith("()") and message == f"{reference.name!r} object is not callable":
            return f"; {uncalled}"
        if reference.endswith("()") and reference.name == called[0] and " missing " in message:
            return f"; bind what is missing, or {uncalled}"
    unexpected = _UNEXPECTED.search(message)
    argument = unexpected or _ARGUMENT.match(message)
    # `simulate` takes the environment of `experiment`.
    owners = [*called, "experiment"] if "simulate" in called else called
    if argument is None or statement.arg_name != argument[1]:
        return None
    if statement.selector.rpartition(".")[2] not in owners:
        return None
    if unexpected and "Did you mean" not in message:  # Python says it since 3.13.
        known = list(inspect.signature(gin.get_configurable(called[0])).parameters)
        return f"; {instead(argument[1], known)}"
    for reference in found:
        if _UNCALLED.search(message) and not reference.endswith("()"):
            return f"; write {reference}() with parentheses"
    return ""
