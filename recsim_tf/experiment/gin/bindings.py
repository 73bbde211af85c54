# SPDX-License-Identifier: Apache-2.0
"""The bindings of gin files: as they are written, and as gin holds them."""

import contextlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import gin
from gin import config_parser
from gin.config import ConfigurableReference

from recsim_tf.experiment.gin.config_files import find_config
from recsim_tf.support.errors import UsageError

T = TypeVar("T")

# Values of parameters that have no default, for messages.
_EXAMPLES = {
    "create_agent": "@create_slate_q",
    "log": "@read_episode_log()",
    "parameters": '{"users.choice_model.no_click_mass": @Parameter()}',
    "simulator": "@interest_evolution()",
    "trials": "@grid()",
}


class Reference(str):
    """A reference as a gin file writes it, such as "@shop()" or "%size"."""

    @property
    def name(self) -> str:
        """The name without signs and scopes."""
        return self.strip("@%()").rpartition("/")[2]


class _Written(config_parser.ParserDelegate):
    """Keeps references as they are written, where gin would look them up."""

    def configurable_reference(self, scoped_configurable_name: str, evaluate: bool) -> Reference:
        return Reference(f"@{scoped_configurable_name}{'()' if evaluate else ''}")

    def macro(self, macro_name: str) -> Reference:
        return Reference(f"%{macro_name}")


def statements(path: str | Path) -> Iterator[Any]:
    """The statements of a gin file, by gin's own parser. Nothing that they name is looked up."""
    with open(path, encoding="utf-8") as file:
        yield from config_parser.ConfigParser(file, _Written())


def all_statements(files: Sequence[str | Path], bindings: Sequence[str]) -> Iterator[Any]:
    """The statements of gin files, with those of the files that they include, and of bindings."""
    for path in files:
        for statement in statements(path):
            yield statement
            if isinstance(statement, config_parser.IncludeStatement):
                yield from all_statements([find_config(statement.filename)], [])
    for binding in bindings:
        yield from config_parser.ConfigParser(binding, _Written())


def values(text: str) -> dict[str, Any]:
    """The values in the text of a gin file, by the names of their bindings, such as
    "train.num_iterations". The names of macros are such as "%size".
    """
    bound = {}
    for statement in all_statements([], [text]):
        if isinstance(statement, config_parser.BindingStatement):
            name = f"{statement.scope}/{statement.selector}".lstrip("/")
            name = f"{name}.{statement.arg_name}" if statement.arg_name else f"%{name}"
            bound[name] = statement.value
    return bound


def references(value: Any) -> Iterator[Reference]:
    """The references in a value of a statement, at any depth."""
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, dict):
        yield from references(list(value.items()))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from references(item)


def bound_value(name: str) -> Any:
    """The value that is bound to a parameter, such as "experiment.simulator", or to a macro, such
    as "%size", with gin's references as such; None if there is none.
    """
    try:
        value = gin.query_parameter(name)
    except ValueError:
        return None
    is_macro = isinstance(value, ConfigurableReference) and repr(value).startswith("%")
    return bound_value(repr(value)) if is_macro else value


def rebind(name: str, value: Any) -> None:
    """Binds a parameter to another value, in a configuration that is complete."""
    with gin.unlock_config():
        gin.bind_parameter(name, value)


def built(part: Callable[..., T], name: str) -> T:
    """A part of a run, made by a function or class of this name in gin files. Raises a UsageError
    if nothing is bound to a parameter that has no default.
    """
    for parameter in inspect.signature(part).parameters.values():
        binding = f"{name}.{parameter.name}"
        if parameter.default in (gin.REQUIRED, parameter.empty) and bound_value(binding) is None:
            raise UsageError(
                f"{binding} must be bound, such as {binding} = {_EXAMPLES[parameter.name]}"
            )
    return part()


def has_value(reference: Reference) -> bool:
    """True if a reference is to a function or a class, to a bound macro, or to a constant."""
    if reference.startswith("@"):
        return True
    for name in (reference, reference[1:]):  # Of a macro, and of a constant.
        with contextlib.suppress(ValueError):
            gin.query_parameter(name)
            return True
    return False
