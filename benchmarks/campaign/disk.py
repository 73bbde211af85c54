"""Commands whose disk is full, fails, may not be written, or goes away."""

import errno
import re
from collections.abc import Iterator, Sequence

from campaign.commands_under_test import CommandUnderTest
from campaign.common import Settings
from campaign.runner import Fault, unavailable
from campaign.trials import Case, Outcome, Trials, opened, table
from sections import Section

_SIZES = 12
# From one in so many operations on, the disk is full, or the folder is gone.
_ONE_IN = 8
_KINDS = {
    "full": "a disk of a size",
    "error": "an I/O error",
    "errors": "a full disk",
    "remove": "the folder goes away",
}
_READ_ONLY = "a read-only disk"
_MESSAGE = re.compile(r"^recsim-tf: error: (.*)$|^Failed: (.*)$", re.MULTILINE)


def measure(settings: Settings) -> Section:
    """Runs commands on bad disks, and counts tracebacks and lost results."""
    why = unavailable()
    if why:
        return _section([])._replace(lines=[f"Disk: nothing, {why}"])
    with opened(settings, ("train",) if settings.quick else ()) as (trials, under_test):
        cases = [case for command in under_test for case in _cases(trials, command)]
        if settings.quick:
            cases = [case for case in cases if case.fault.action == "full"][1::4]
        return _section(trials.run_all(cases, "disk"))


def _cases(trials: Trials, command: CommandUnderTest) -> Iterator[Case]:
    ending = trials.uninterrupted(command).ending
    if not command.paths:
        for size in range(_SIZES):
            yield Case(command, Fault("full", ending.bytes * size // _SIZES))
    for number, place in enumerate(command.places(ending.operations)):
        yield Case(command, Fault("error", place, errno.EIO))
        if number % _ONE_IN == 0:
            yield Case(command, Fault("errors", place, errno.ENOSPC))
        if number % _ONE_IN == _ONE_IN // 2:
            yield Case(command, Fault("remove", place))
    if command.endless:
        yield Case(command, Fault("errors", 1, errno.EROFS), endless=True)


def _kind(outcome: Outcome) -> str:
    return _READ_ONLY if outcome.case.endless else _KINDS[outcome.case.fault.action]


def _untold(outcome: Outcome) -> str:
    """What is wrong with what a command said, or ""."""
    first = outcome.first
    said = ["".join(found) for found in _MESSAGE.findall(first.output)]
    if "Traceback" in first.output:
        return "a traceback"
    if first.code < 0 and outcome.case.endless:
        return "found out after the work only"
    if first.code == 0:
        return "" if first.hits else "no fault"
    # A sweep tells of each trial that failed.
    is_sweep = outcome.case.command.name == "sweep"
    if first.code != 2 and not (is_sweep and first.code == 1):
        return f"exit status {first.code}"
    if len(said) != 1 and not (is_sweep and said):
        return f"{len(said)} lines"
    return ""


def _is_unclear(outcome: Outcome) -> bool:
    """Whether a command that fails does not name the folder, or a path in it."""
    return bool(outcome.first.code) and str(outcome.folder) not in outcome.first.output


def _is_lost(outcome: Outcome) -> bool:
    return outcome.is_not_resumed or outcome.is_different


def _section(found: Sequence[Outcome]) -> Section:
    columns = {
        "tracebacks": lambda outcome: bool(_untold(outcome)),
        "unclear": _is_unclear,
        "lost": _is_lost,
        "left over": lambda outcome: outcome.is_left_over,
    }
    figures: dict[str, float] = {"disk.runs": len(found)}
    for name, holds in columns.items():
        figures[f"disk.{name.replace(' ', '_')}"] = sum(map(holds, found))
    lines = ["Disks that fail; then the same command once more on a good one"]
    kinds = dict.fromkeys(map(_kind, found))
    lines += table(
        {kind: [outcome for outcome in found if _kind(outcome) == kind] for kind in kinds}, columns
    )
    failing = [outcome for outcome in found if any(holds(outcome) for holds in columns.values())]
    for outcome in failing:
        wrong = _untold(outcome) or ("no path in the line" if _is_unclear(outcome) else "")
        lines += [f"  {outcome}: {wrong}"] * bool(wrong)
        lines += [f"  {line}" for line in outcome.problems()]
    details = {"failing": [{**outcome.as_json(), "wrong": _untold(outcome)} for outcome in failing]}
    return Section(figures, details, lines)
