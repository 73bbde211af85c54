"""What the sections of the scaling report share."""

from typing import NamedTuple


class Settings(NamedTuple):
    """How the report is made."""

    quick: bool  # a smoke run
    rounds: int  # in which those that are compared take turns; figures are medians over them
