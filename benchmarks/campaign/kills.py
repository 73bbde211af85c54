# SPDX-License-Identifier: Apache-2.0
"""Commands that are killed at each of their file operations, or asked to stop, and run again."""

import signal
from collections.abc import Iterator

from campaign.commands_under_test import CommandUnderTest, kind_of
from campaign.runner import Fault
from campaign.trials import Case, Outcome, Trials, opened, report
from sections import Section, Settings

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# When a command gets signals, as parts of all of its operations.
_MOMENTS = {
    "train": (0.0, 0.15, 0.3, 0.6, 0.75, 0.9, 1.0),
    "fit by minibatches": (0.1, 0.4, 0.7, 0.9),
    "simulate": (0.1, 0.5, 0.8),
    "sweep": (0.05, 0.5, 0.95),
    "evaluate": (0.0, 0.9),
    "sessions": (0.0, 0.5),
}
# Operations that follow the last of a command that matters.
_LAST = 2


def measure(settings: Settings) -> Section:
    """Kills commands, and counts the runs that do not go on."""
    # A shell that starts this in the background has SIGINT ignored, which commands would inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    names = ("train", "simulate") if settings.quick else ()
    with opened(settings, names) as (trials, under_test):
        kills = [case for command in under_test for case in _kills_of(trials, command)]
        asked = [case for command in under_test for case in _asked_of(trials, command)]
        if settings.quick:
            kills, asked = kills[len(kills) // 12 :: len(kills) // 6], asked[2:3]
        kinds = {
            "killed": trials.run_all(kills, "kills"),
            "asked to stop": trials.run_all(asked, "signals"),
        }
    return report(
        "kills",
        "Killed at each file operation, or asked to stop at some; then the same command once more",
        kinds,
        {
            "not resumed": Outcome.not_resumed,
            "different": Outcome.different,
            "left over": Outcome.left_over,
            "unclear": _unclear,
        },
    )


def _kills_of(trials: Trials, command: CommandUnderTest) -> Iterator[Case]:
    operations = trials.uninterrupted(command).operations
    torn = set()
    for place in command.places(operations):
        kind = kind_of(operations[place - 1])
        yield Case(command, Fault("kill", place))
        if "/trials/" in kind:
            yield Case(command, Fault("kill_all", place))
        elif kind.startswith("write ") and kind not in torn:
            torn.add(kind)
            yield Case(command, Fault("tear", place))


def _asked_of(trials: Trials, command: CommandUnderTest) -> Iterator[Case]:
    last = len(trials.uninterrupted(command).operations)
    for number in _SIGNALS:
        for part in _MOMENTS.get(command.name, ()):
            yield Case(command, Fault("signal", max(round(part * last), 1), number))


def _unclear(outcome: Outcome) -> str:
    """Says what is wrong with the end of a command that was asked to stop, or ""."""
    fault, first = outcome.case.fault, outcome.first
    messages = [line for line in first.output.splitlines() if line.startswith("recsim-tf: ")]
    if fault.action != "signal":
        return ""
    if "Traceback" in first.output:
        return "a traceback"
    if first.code == 0:
        left = len(first.operations) - fault.place > _LAST
        return "went on to the end" if left else ""
    if first.code != 128 + fault.number:
        return f"exit status {first.code}"
    return "" if len(messages) == 1 else f"{len(messages)} lines"
