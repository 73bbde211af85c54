# SPDX-License-Identifier: Apache-2.0
"""Commands whose disk is full, fails, or may not be written."""

import errno
import re
from collections.abc import Iterator

from campaign.commands_under_test import CommandUnderTest
from campaign.runner import Fault
from campaign.trials import Case, Outcome, Trials, opened, report
from sections import Section, Settings

_SIZES = 8
# From one in so many operations on, the disk is full.
_ONE_IN = 8
_KINDS = {
    "a disk of a size": lambda fault: fault.action == "full",
    "an I/O error": lambda fault: fault.number == errno.EIO,
    "a full disk": lambda fault: fault.number == errno.ENOSPC,
    "a read-only disk": lambda fault: fault.number == errno.EROFS,
}
_MESSAGE = re.compile(r"^recsim-tf: error: (.*)$|^Failed: (.*)$", re.MULTILINE)


def measure(settings: Settings) -> Section:
    """Runs commands on bad disks, and counts tracebacks and lost results."""
    with opened(settings, ("train",) if settings.quick else ()) as (trials, under_test):
        cases = [case for command in under_test for case in _cases(trials, command)]
        if settings.quick:
            cases = [case for case in cases if case.fault.action == "full"][1::3]
        results = trials.run_all(cases, "disk")
    kinds = {
        name: [outcome for outcome in results if is_one(outcome.case.fault)]
        for name, is_one in _KINDS.items()
    }
    return report(
        "disk",
        "Disks that fail; then the same command once more on a good one",
        kinds,
        {
            "tracebacks": _traceback,
            "unclear": _unclear,
            "lost": lambda outcome: outcome.not_resumed() or outcome.different(),
            "left over": Outcome.left_over,
        },
    )


def _cases(trials: Trials, command: CommandUnderTest) -> Iterator[Case]:
    ending = trials.uninterrupted(command)
    if not command.paths:
        for size in range(_SIZES):
            yield Case(command, Fault("full", ending.bytes * size // _SIZES))
        yield Case(command, Fault("errors", 1, errno.EROFS))
    for number, place in enumerate(command.places(ending.operations)):
        yield Case(command, Fault("error", place, errno.EIO))
        if number % _ONE_IN == 0:
            yield Case(command, Fault("errors", place, errno.ENOSPC))


def _traceback(outcome: Outcome) -> str:
    """Says what is wrong with the end of a command, or ""."""
    first = outcome.first
    messages = ["".join(match) for match in _MESSAGE.findall(first.output)]
    if "Traceback" in first.output:
        return "a traceback"
    if first.code == 0:
        return "" if first.hits else "no fault"
    # A sweep tells of each trial that failed.
    is_sweep = outcome.case.command.name == "sweep"
    if first.code != 2 and not (is_sweep and first.code == 1):
        return f"exit status {first.code}"
    if len(messages) != 1 and not (is_sweep and messages):
        return f"{len(messages)} lines"
    return ""


def _unclear(outcome: Outcome) -> str:
    """Says that a command failed without naming the folder or a path in it, or ""."""
    is_named = outcome.first.code == 0 or str(outcome.folder) in outcome.first.output
    return "" if is_named else "no path in the line"
