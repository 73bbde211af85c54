"""Commands that are killed at each of their file operations, or asked to stop, and run again."""

import signal
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from campaign.commands_under_test import CommandUnderTest
from campaign.common import Settings
from campaign.runner import Fault, SignalAt, unavailable
from campaign.trials import Case, Outcome, Trials, opened, table
from sections import Section

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# Operations that follow the last of a command that matters.
_LAST = 2


class Moments(NamedTuple):
    """When a command gets signals, as parts of the whole: of its operations, of its time."""

    operations: tuple[float, ...]
    times: tuple[float, ...] = ()


_MOMENTS = {
    "train": Moments((0.0, 0.15, 0.3, 0.6, 0.75, 0.9, 1.0), (0.1, 0.4, 0.8)),
    "fit by minibatches": Moments((0.1, 0.4, 0.7, 0.9), (0.1, 0.3)),
    "simulate": Moments((0.1, 0.5, 0.8), (0.3,)),
    "sweep": Moments((0.05, 0.4, 0.7, 0.95)),
}
# In processes that import for themselves, in seconds.
_DURING_IMPORTS = (0.7, 2.0, 3.0)


def measure(settings: Settings) -> Section:
    """Kills commands, and counts the runs that do not go on."""
    # A shell that starts this in the background has SIGINT ignored, which commands would inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    why = unavailable()
    if why:
        return _section([], [], [])._replace(lines=[f"Kills: none, {why}"])
    names = ("train", "simulate") if settings.quick else ()
    with opened(settings, names) as (trials, under_test):
        killed = trials.run_all(_kills(trials, under_test, settings.quick), "kills")
        asked = trials.run_all(_asked(trials, under_test, settings.quick), "signals")
        # Forks of a process that has imported recsim_tf do what other processes do.
        alone = [] if settings.quick else [Case(each, Fault(), imports=True) for each in under_test]
        unharmed = trials.run_all(alone, "without a fault")
    return _section(killed, asked, unharmed)


def _kills(trials: Trials, under_test: Sequence[CommandUnderTest], quick: bool) -> list[Case]:
    cases = [case for command in under_test for case in _kills_of(trials, command)]
    if not quick:
        return cases
    chosen = []
    for command, number in zip(under_test, (4, 2), strict=True):
        own = [case for case in cases if case.command == command]
        chosen += own[len(own) // (2 * number) :: max(len(own) // number, 1)][:number]
    return chosen


def _kills_of(trials: Trials, command: CommandUnderTest) -> Iterator[Case]:
    operations = trials.uninterrupted(command).ending.operations
    for place in command.places(operations):
        yield Case(command, Fault("kill", place))
        if command.name == "sweep":
            yield Case(command, Fault("kill_all", place))
        elif operations[place - 1].startswith("write "):
            yield Case(command, Fault("tear", place))


def _asked(trials: Trials, under_test: Sequence[CommandUnderTest], quick: bool) -> list[Case]:
    cases = []
    for command in under_test:
        moments = _MOMENTS.get(command.name, Moments(()))
        ending = trials.uninterrupted(command).ending
        last = len(ending.operations)
        for number in _SIGNALS:
            for part in moments.operations:
                cases.append(Case(command, Fault("signal", max(round(part * last), 1), number)))
            for part in moments.times:
                cases.append(Case(command, Fault(), SignalAt(number, part * ending.seconds)))
            if command.name == "train":
                for seconds in _DURING_IMPORTS:
                    at = SignalAt(number, seconds)
                    cases.append(Case(command, Fault(), at, imports=True))
    return cases[2:3] if quick else cases


def _untold(outcome: Outcome) -> str:
    """What is wrong with how a command ended that was asked to stop, or ""."""
    case, first = outcome.case, outcome.first
    number = case.fault.number if case.signal_at is None else case.signal_at.signal
    said = [line for line in first.output.splitlines() if line.startswith("recsim-tf: ")]
    if "Traceback" in first.output:
        return "a traceback"
    if first.code == 0:
        if case.signal_at is not None:
            left = first.seconds - case.signal_at.seconds > 0.5
        else:
            left = len(first.operations) - case.fault.place > _LAST
        return "went on to the end" if left else ""
    if first.code != 128 + number:
        return f"exit status {first.code}"
    return "" if len(said) == 1 else f"{len(said)} lines"


def _section(
    killed: Sequence[Outcome], asked: Sequence[Outcome], unharmed: Sequence[Outcome]
) -> Section:
    found = [*killed, *asked, *unharmed]
    untold = [(outcome, wrong) for outcome in asked if (wrong := _untold(outcome))]
    figures = {
        "kills.places": sum(bool(outcome.first.hits) for outcome in killed),
        "kills.not_resumed": sum(outcome.is_not_resumed for outcome in found),
        "kills.different": sum(outcome.is_different for outcome in found),
        "kills.left_over": sum(outcome.is_left_over for outcome in found),
        "kills.signals": len(asked),
        "kills.signals_untold": len(untold),
    }
    kinds = {"killed": killed, "asked to stop": asked, "a process of its own": unharmed}
    columns = {
        "not resumed": lambda outcome: outcome.is_not_resumed,
        "different": lambda outcome: outcome.is_different,
        "left over": lambda outcome: outcome.is_left_over,
        "untold": lambda outcome: outcome.case in [told.case for told, _ in untold],
    }
    lines = [
        "Killed at each file operation, or asked to stop at some; then the same command once more",
        *table(kinds, columns),
        *(f"  {line}" for outcome in found for line in outcome.problems()),
        *(f"  {outcome}: {wrong}" for outcome, wrong in untold),
    ]
    details = {
        "failing": [outcome.as_json() for outcome in found if outcome.problems()],
        "untold": [{**outcome.as_json(), "wrong": wrong} for outcome, wrong in untold],
    }
    return Section(figures, details, lines)
