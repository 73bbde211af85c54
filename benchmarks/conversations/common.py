"""What the sections of the report on conversations share."""

from typing import NamedTuple

from sections import Section as Section


class Settings(NamedTuple):
    """How a section runs."""

    quick: bool  # a smoke run
    seed: int  # an integer; of everything that is drawn
    path: str | None = None  # of the data set that a section reads


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
