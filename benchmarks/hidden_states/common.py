"""What the sections of the report on hidden states share."""

from typing import NamedTuple

from conversations.common import Bar as Bar
from sections import Section as Section


class Settings(NamedTuple):
    """How a section runs."""

    quick: bool  # a smoke run
    seed: int  # an integer; of everything that is drawn
