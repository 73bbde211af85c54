"""Sessions turn by turn, as they are told."""

from typing import NamedTuple

import numpy as np

from recsim_tf.experiment.sessions.words import counted

LEFT, TIME_LIMIT, CUT_OFF = "left", "time limit", "cut off"


class Alternative(NamedTuple):
    """What a policy could have chosen, with its numbers."""

    place: int  # among all of its kind; a candidate's is that of slates
    words: str
    numbers: tuple[float, ...]  # NaN where one means nothing
    shown: bool  # whether it is a candidate on the slate
    clicked: bool


class Alternatives(NamedTuple):
    """What a policy thought of its candidates, or of its other alternatives."""

    are_candidates: bool
    names: tuple[str, ...]  # of the numbers
    rows: tuple[Alternative, ...]  # best first by the first number; all that were shown
    num_others: int  # which are not among the rows


class Shown(NamedTuple):
    """A document on a slate."""

    position: int  # from 1
    candidate: int
    words: str
    clicked: bool


class Turn(NamedTuple):
    """A step of a session."""

    number: int  # from 1
    says: str  # what the system says beside the documents, or ""
    shown: tuple[Shown, ...]
    does: str  # what the user does
    reward: float
    changes: tuple[str, ...]  # of the user's state
    alternatives: tuple[Alternatives, ...]  # those that the policy explains
    thoughts: tuple[tuple[str, float], ...]  # further numbers of the policy, with their names


class Session(NamedTuple):
    """A session of one user."""

    user: int
    start: str  # the user's state before the first turn
    turns: tuple[Turn, ...]  # the first ones
    num_turns: int
    rewards: np.ndarray  # float [num_turns]
    clicks: float
    end: str  # LEFT, TIME_LIMIT or CUT_OFF
    finish: str  # the user's state after the last turn

    @property
    def total(self) -> float:
        """The sum of the rewards."""
        return float(self.rewards.sum())

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        after = f"after {counted(self.num_turns, 'turn')}"
        return {
            LEFT: f"the user left {after}",
            TIME_LIMIT: f"the time limit ended it {after}",
            CUT_OFF: f"cut off {after}, the user was still there",
        }[self.end]
