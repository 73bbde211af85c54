"""Reports that are made of sections."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from absl import app


class Section(NamedTuple):
    """A part of a report."""

    figures: dict[str, float]
    details: dict[str, Any]
    lines: list[str]


class Settings(NamedTuple):
    """How a section runs."""

    quick: bool  # a smoke run
    seed: int  # an integer; of everything that is drawn


class Bar(NamedTuple):
    """What a figure is to be."""

    name: str  # of the figure
    value: float
    low: float
    high: float

    @classmethod
    def around(cls, name: str, value: float, expected: float, error: float) -> "Bar":
        """Within three standard errors of an expected value."""
        return cls(name, value, expected - 3 * error, expected + 3 * error)

    def line(self, quick: bool) -> str:
        """The bar for a person; a smoke run reaches and misses nothing."""
        reached = self.low <= self.value <= self.high
        return (
            f"{self.name} {self.value:.4g}, asked: in [{self.low:.4g}, {self.high:.4g}]"
            f"{'' if reached or quick else '  not reached'}"
        )


def standard_error(values: np.ndarray) -> float:
    """That of the mean of values [S]."""
    return float(values.std(ddof=1) / len(values) ** 0.5)


def chosen(argv: Sequence[str], known: Sequence[str], by_default: Sequence[str] = ()) -> list[str]:
    """The sections that a command names; without any `by_default`, or else all that are known.

    Raises:
      app.UsageError: for an unknown section.
    """
    names = list(dict.fromkeys(argv[1:])) or list(by_default or known)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise app.UsageError(f"name some of {', '.join(known)}, got {unknown[0]}")
    return names


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
