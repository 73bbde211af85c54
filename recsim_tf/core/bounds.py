"""Ranges that models declare for what they let an agent see; adapters turn them into bounded specs."""

from typing import Any, NamedTuple


class Bounds(NamedTuple):
    """The range of a tensor, both ends included; None means the end of the dtype's range."""

    low: Any = None
    high: Any = None
