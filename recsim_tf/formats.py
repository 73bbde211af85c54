"""Numbers and names as a report prints them."""

import math
from typing import Any

_MINUS = "\N{MINUS SIGN}"


def number(value: Any) -> str:
    """A cell of a table: texts as they are, counts with separators, other numbers with four digits,
    a dash for what is missing.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "\N{EN DASH}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return _typeset(f"{value:#.4g}".rstrip("."))
    return str(value)


def fixed(value: float | None, digits: int = 4) -> str:
    """With so many decimals, and separators."""
    return number(None) if value is None or math.isnan(value) else _typeset(f"{value:,.{digits}f}")


def signed(value: float, digits: int = 4) -> str:
    """With its sign and so many decimals."""
    return (
        number(None)
        if math.isnan(value)
        else _typeset(f"{round(value, digits) + 0.0:+,.{digits}f}")
    )


def label(name: str) -> str:
    """The name of a statistic in words."""
    return name.replace("/", ": ").replace("_", " ")


def _typeset(text: str) -> str:
    return text.replace("-", _MINUS).replace("inf", "\N{INFINITY}")
