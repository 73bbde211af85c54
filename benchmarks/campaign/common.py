"""What the sections of the fault campaign share."""

from typing import NamedTuple


class Settings(NamedTuple):
    """How a section runs."""

    quick: bool  # a sample of its cases
    jobs: int  # processes at a time
