"""Reports that are made of sections."""

from typing import Any, NamedTuple


class Section(NamedTuple):
    """A part of a report."""

    figures: dict[str, float]
    details: dict[str, Any]
    lines: list[str]
