# SPDX-License-Identifier: Apache-2.0
"""Requirements on the policies of `recsim-tf ope`, and the exit status that a pipeline obeys.

A requirement is a word and a policy. It reads one estimate, the estimate to read first
(`Result.best`). This estimate decides the status of the requirement:

| estimate to read first                                      | `believable` | `gain` |
|-------------------------------------------------------------|--------------|--------|
| there is none: each is "not believable" or "cannot tell"    | 4            | 4      |
| its interval or the interval of its gain is not finite      | 4            | 4      |
| "with care"                                                 | 3            | 3      |
| "believable" or "wide", interval of the gain not above 0    | 0            | 3      |
| "believable" or "wide", interval of the gain above 0        | 0            | 0      |

Status 0 is a requirement that is met, 3 one that is not met, and 4 one that is not met because the
log cannot tell. The exit status of the command is 3 if a requirement has status 3, else 4 if one
has status 4, else 0. So 4 means that the log cannot tell of any requirement that is not met. The
intervals of the gains of all policies hold together, see `ope.compare`, so a requirement may be on
any number of policies.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from recsim_tf.core.base.ranges import shown
from recsim_tf.ope.results import Estimate, Result, Results
from recsim_tf.support.errors import UsageError, instead

BELIEVABLE, GAIN = "believable", "gain"
WORDS = (BELIEVABLE, GAIN)
MET, NOT_MET, CANNOT_TELL = 0, 3, 4


class Requirement(NamedTuple):
    """A word that a policy must satisfy."""

    word: str  # one of WORDS
    policy: str | None = None  # None for each policy that is judged

    @classmethod
    def parse(cls, text: str) -> Self:
        """The requirement in the text "WORD" or "WORD:POLICY" of a command line. Raises a
        UsageError for an unknown word.
        """
        word, colon, policy = text.partition(":")
        if word not in WORDS:
            raise UsageError(f"--require has no word {shown(word)}; {instead(word, WORDS)}")
        return cls(word, policy if colon else None)


class Outcome(NamedTuple):
    """The status of a requirement, and the reason."""

    policy: str
    word: str
    status: int  # MET, NOT_MET or CANNOT_TELL
    reason: str

    @property
    def met(self) -> bool:
        """True if the requirement is met."""
        return self.status == MET

    def figures(self) -> dict[str, Any]:
        """The fields and `met`, by name."""
        return {
            "policy": self.policy,
            "word": self.word,
            "met": self.met,
            "status": self.status,
            "reason": self.reason,
        }

    def __str__(self) -> str:
        answer = {MET: "met", NOT_MET: "not met", CANNOT_TELL: "not met, the log cannot tell"}
        return f"Requirement {self.word} of {self.policy}: {answer[self.status]}; {self.reason}"


def pairs(required: Iterable[Requirement], policies: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs of a policy and a word that requirements stand for, each once.

    Args:
      required: requirements on one policy or on each policy.
      policies: the names of the policies that are judged.

    Raises:
      UsageError: for a policy that is not judged.
    """
    named: list[tuple[str, str]] = []
    for word, policy in required:
        if policy is not None and policy not in policies:
            raise UsageError(
                f"--require={word}:POLICY must name a policy that is judged, got {shown(policy)};"
                f" {instead(policy, policies)}"
            )
        named += [(each, word) for each in (policies if policy is None else [policy])]
    return list(dict.fromkeys(named))


def outcomes(results: Results, named: Iterable[tuple[str, str]]) -> list[Outcome]:
    """The outcomes of requirements, given as from `pairs`."""
    return [Outcome(policy, word, *_status(results[policy], word)) for policy, word in named]


def exit_status(statuses: Iterable[int]) -> int:
    """The exit status of requirements with these statuses: `NOT_MET` if one is not met although the
    log can tell, else `CANNOT_TELL` if the log cannot tell of one, else `MET`.
    """
    present = set(statuses)
    return next((each for each in (NOT_MET, CANNOT_TELL) if each in present), MET)


def _status(result: Result, word: str) -> tuple[int, str]:
    """The status of a requirement on a policy with this result, and the reason."""
    if result.best is None:
        verdicts = "; ".join(f"{name}: {each.verdict}" for name, each in result.items())
        return CANNOT_TELL, f"no estimate is to be believed: {verdicts}"
    estimate = result[result.best]
    low, high = _interval_of_gain(estimate)
    if not np.isfinite([*estimate.interval, low, high]).all():
        return CANNOT_TELL, f"the error of {result.best} is not known"
    if word == BELIEVABLE or not estimate.verdict.is_promise:
        status = MET if estimate.verdict.is_promise else NOT_MET
        return status, f"the verdict on {result.best} is {estimate.verdict}"
    assert estimate.gain is not None
    _, *ends = estimate.gain.texts(result.logged.value)
    where = "which lies" if low > 0 else "which does not lie"
    reason = f"the gain by {result.best} is between {' and '.join(ends)}, {where} above 0"
    return MET if low > 0 else NOT_MET, reason


def _interval_of_gain(estimate: Estimate) -> tuple[float, float]:
    return (np.nan, np.nan) if estimate.gain is None else estimate.gain.interval
