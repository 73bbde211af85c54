"""Agents' arguments by their own names, for tests that set many of them."""

import dataclasses
from typing import Any


def grouped(arguments: dict[str, Any], **groups: type) -> dict[str, Any]:
    """Arguments of an agent, with the fields of some dataclasses gathered in them.

    Args:
      arguments: of the agent, and fields of the dataclasses.
      **groups: a dataclass by the name of the agent's argument.
    """
    arguments = dict(arguments)
    for name, group in groups.items():
        own = {
            field.name: arguments.pop(field.name)
            for field in dataclasses.fields(group)
            if field.name in arguments
        }
        if own:
            arguments[name] = group(**own)
    return arguments
