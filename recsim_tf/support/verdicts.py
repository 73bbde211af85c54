# SPDX-License-Identifier: Apache-2.0
"""Verdicts on whether a number is to be believed, in one of a few words that are promises."""

from typing import NamedTuple

import numpy as np

BELIEVABLE, WIDE, WITH_CARE = "believable", "wide", "with care"
NOT_BELIEVABLE, CANNOT_TELL = "not believable", "cannot tell"
_WIDE = 0.2  # half an interval, as a part of the estimate


class Verdict(NamedTuple):
    """A judgement on a number or a simulator: whether to believe it, and why.

    The words are meant as promises, and `benchmarks/verdicts.py` measures how often they are kept.

    - "believable": no fault is seen. The 95 % intervals of an estimate shall hold the truth in at
      least 92 % of logs. A fault of a simulator shall be found in 80 % of logs of 2,000 sessions;
      smaller logs find less.
    - "wide": the promise of "believable", but the interval is wider than the estimate ± 20 %.
    - "with care": it is unknown whether the promise holds, for the given reason.
    - "not believable": a fault is seen.
    - "cannot tell": the log has no information about the number.

    `ope` also has "logged", for the mean of the log itself.
    """

    word: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}" if self.reason else self.word

    @property
    def is_believable(self) -> bool:
        """True if no fault is seen: the word is neither "not believable" nor "cannot tell"."""
        return self.word not in (NOT_BELIEVABLE, CANNOT_TELL)

    @property
    def is_promise(self) -> bool:
        """True if the word promises that intervals hold: "believable" or "wide"."""
        return self.word in (BELIEVABLE, WIDE)

    def with_care(self, *reasons: str) -> "Verdict":
        """The verdict "with care" for the reasons that are not empty. It is the verdict itself
        where all reasons are empty, or where it is not believable.
        """
        given = [reason for reason in reasons if reason]
        if not given or not self.is_believable:
            return self
        return Verdict(WITH_CARE, "; ".join(given))

    @classmethod
    def of(cls, value: float, half_width: float, *faults: str) -> "Verdict":
        """The verdict on an estimate. The first fault that is not empty makes it not believable.
        Without a fault, the half width of its interval decides whether it is wide. It is NaN where
        the log does not tell the error, since all its sessions are of one user.
        """
        for fault in filter(None, faults):
            return cls(NOT_BELIEVABLE, fault)
        if np.isnan(half_width):
            return cls(CANNOT_TELL, "all sessions are of one user, so the error is not known")
        if not half_width <= _WIDE * abs(value):
            part = half_width / abs(value) if value else np.inf
            return cls(WIDE, f"the interval is the estimate \N{PLUS-MINUS SIGN} {part:.0%}")
        return cls(BELIEVABLE)
