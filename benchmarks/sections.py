"""Reports that are made of sections."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple


class Section(NamedTuple):
    """A part of a report."""

    figures: dict[str, float]
    details: dict[str, Any]
    lines: list[str]


def measure(
    names: Sequence[str], sections: Mapping[str, Callable[[Any], Section]], settings
) -> dict[str, Any]:
    """Measures sections, whose lines for a person are printed as they come; the fields of a result
    for the JSON file.
    """
    figures: dict[str, float] = {}
    details = {}
    for name in names:
        section = sections[name](settings)
        figures |= section.figures
        details[name] = section.details
        print("\n".join([*section.lines, ""]), flush=True)
    return {"sections": list(names), "figures": figures, "details": details}
