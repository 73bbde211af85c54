"""Configurations that hold inside a context: the one place that touches gin's private tables.

gin keeps one configuration for the process. It has no public way to take a binding back, nor to
put a configuration aside: its text would lose bound objects, and clearing it loses singletons and
the operative configuration.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import gin


@contextlib.contextmanager
def own_configuration() -> Iterator[None]:
    """An empty configuration; after the context the caller's is there again.

    Not for several threads at once, as gin.
    """
    tables = (gin.config._CONFIG, gin.config._OPERATIVE_CONFIG, gin.config._SINGLETONS)
    # The first two map each configurable to its bindings.
    kept = [
        {key: dict(value) if isinstance(value, dict) else value for key, value in table.items()}
        for table in tables
    ]
    imports, was_locked = gin.config._IMPORTS.copy(), gin.config_is_locked()
    try:
        # Modules that define configurables can only be imported without the lock.
        gin.config._set_config_is_locked(False)
        for table in (*tables, gin.config._IMPORTS):
            table.clear()
        with gin.config_scope(None):
            yield
    finally:
        for table, content in zip(tables, kept, strict=True):
            table.clear()
            table.update(content)
        gin.config._IMPORTS.clear()
        gin.config._IMPORTS.update(imports)
        gin.config._set_config_is_locked(was_locked)


def keep_what_was_called() -> set[str]:
    """Removes the bindings of all configurables that were not called in this configuration.

    Returns:
      The selectors of the configurables that were called, or that the bindings refer to.
    """
    bindings, called = gin.config._CONFIG, set(gin.config._OPERATIVE_CONFIG)
    for scope, selector in list(bindings):
        if not any(selector == other and _is_within(inner, scope) for inner, other in called):
            del bindings[scope, selector]
    references = gin.config.iterate_references(bindings)
    return {selector for _, selector in called} | {
        reference.configurable.selector for reference in references
    }


def _is_within(inner: str, scope: str) -> bool:
    return not scope or f"{inner}/".startswith(f"{scope}/")


def known_names() -> list[str]:
    """Short names of all configurables, such as "interest_evolution"."""
    return sorted({configurable.name for _, configurable in gin.config._REGISTRY.items()})


class Named(NamedTuple):
    """What a name of a gin file may mean."""

    selector: str  # its complete name, such as "recsim_tf.load_simulator"
    module: str  # the part of that before the last dot
    defined_in: str  # the module of the function or class, or of a constant's type
    function: Any  # the function or class itself, or the constant


def named(name: str, constants: bool = False) -> list[Named]:
    """All that a name may mean, without its scopes: functions and classes, or constants."""
    table = gin.config._CONSTANTS if constants else gin.config._REGISTRY
    found = []
    for selector in table.matching_selectors(name):
        value = table[selector] if constants else table[selector].wrapped
        defined_in = (type(value) if constants else value).__module__
        found.append(Named(selector, selector.rpartition(".")[0], defined_in, value))
    return found


def bindings() -> Iterator[tuple[str, Callable, str, Any]]:
    """All bindings of the configuration: name, such as "train.num_iterations", the function or
    class, its parameter, and the value as it is bound.
    """
    for (scope, selector), values in gin.config._CONFIG.items():
        configurable = gin.config._REGISTRY[selector]
        prefix = f"{scope}/{configurable.name}" if scope else configurable.name
        for parameter, value in values.items():
            yield f"{prefix}.{parameter}", configurable.wrapped, parameter, value
