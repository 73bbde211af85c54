"""The values of a gin file as it is written, and how much a file may make of a few lines."""

import dataclasses
import inspect
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from gin import config_parser

from recsim_tf.errors import at
from recsim_tf.gin_scope import Named, named

# Numbers of the largest table that a configuration makes, 1 GiB of float32.
_MOST_NUMBERS = 2**28
# Values that macros and references expand to.
_MOST_VALUES = 10**6
# Sizes of what is simulated, not of a table.
_NOT_OF_TABLES = ("num_users", "num_candidates")
_MAKE_TABLES = "recsim_tf.environments."


@dataclasses.dataclass(frozen=True)
class Reference:
    """A reference in a value, to a configurable or a macro."""

    name: str
    is_macro: bool


class Delegate(config_parser.ParserDelegate):
    """Keeps references as names, where gin would look them up."""

    def configurable_reference(self, scoped_configurable_name, evaluate):
        del evaluate
        return Reference(scoped_configurable_name, is_macro=False)

    def macro(self, macro_name):
        return Reference(macro_name, is_macro=True)


def leaves(value: Any) -> Iterator[Any]:
    """What the containers of a value hold, at any depth."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(key)
            yield from leaves(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def check_sizes(statements: Sequence[Any], path: str) -> None:
    """Bounds what a file can make of a few lines: values that macros and references multiply, and
    tables that functions and classes make.
    """
    bindings = [each for each in statements if isinstance(each, config_parser.BindingStatement)]
    _check_expansion(bindings, path)
    macros = {_macro(each): each.value for each in bindings if not each.arg_name}
    sizes: dict[str, dict[str, int]] = {}
    for each in bindings:
        value = each.value
        if isinstance(value, Reference) and value.is_macro:
            value = macros.get(value.name)
        if _is_size(each.arg_name) and type(value) is int:
            tables = [
                found for found in named(each.selector) if found.defined_in.startswith(_MAKE_TABLES)
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
        inside = list(leaves(binding.value))
        references = [leaf for leaf in inside if isinstance(leaf, Reference)]
        parts.setdefault(name, []).extend(
            f"%{each.name}" if each.is_macro else re.split(r"[./]", each.name)[-1]
            for each in references
        )
        numbers[name] = numbers.get(name, 0) + len(inside)
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
