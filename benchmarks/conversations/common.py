"""What the sections of the report on conversations share."""

from typing import NamedTuple

from sections import Bar as Bar
from sections import Section as Section


class Settings(NamedTuple):
    """How a section runs."""

    quick: bool  # a smoke run
    seed: int  # an integer; of everything that is drawn
    path: str | None = None  # of the data set that a section reads
