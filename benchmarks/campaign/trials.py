"""Commands that a fault befalls, and that run once more without one."""

import concurrent.futures
import contextlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from campaign import outcomes
from campaign.commands_under_test import CommandUnderTest, commands
from campaign.common import Settings
from campaign.runner import Ending, Fault, Runner, SignalAt
from tqdm import tqdm

from recsim_tf.tables import text_table

# Random parts of names, and ids of processes.
_RANDOM = re.compile(r"(?<=tempstate)\d+|(?<=tmp)[0-9a-f]{32}|(?<=tfevents).*|\.\d+(?=\.new)")

# A command that has no end is to refuse a folder within this.
_LATE_SECONDS = 60.0


class Case(NamedTuple):
    """A fault that befalls a command."""

    command: CommandUnderTest
    fault: Fault
    signal_at: SignalAt | None = None
    endless: bool = False  # the first time the command has no end
    imports: bool = False  # and then it is a process of its own, which imports for itself


class Outcome(NamedTuple):
    """What became of a case."""

    case: Case
    folder: Path
    place: str  # "KIND PATH" of the operation, or a time
    first: Ending  # of the command with the fault
    second: Ending | None  # of the same command without; None if the first one ended well
    difference: outcomes.Difference  # from an uninterrupted run

    @property
    def last(self) -> Ending:
        """Of the command that should have ended well."""
        return self.second or self.first

    @property
    def is_not_resumed(self) -> bool:
        """Whether the command fails for good."""
        return self.last.code != 0

    @property
    def is_different(self) -> bool:
        """Whether it ends well with other results."""
        return not self.is_not_resumed and bool(self.difference.different)

    @property
    def is_left_over(self) -> bool:
        """Whether it ends well with files too many."""
        return not self.is_not_resumed and bool(self.difference.left_over)

    def __str__(self) -> str:
        fault = self.case.fault
        number = f" {fault.number}" if fault.number else ""
        return f"{self.case.command.name}, {fault.action}{number}, {self.place}"

    def problems(self) -> list[str]:
        """What is wrong with it, a line each."""
        if self.is_not_resumed:
            return [f"{self}: exit status {self.last.code}: {_end(self.last).splitlines()[-1:]}"]
        return [
            f"{self}: {what}: {', '.join(map(without_random, names))}"
            for what, names in self.difference._asdict().items()
            if names
        ]

    def as_json(self) -> dict[str, Any]:
        """For a report."""
        return {
            "command": self.case.command.name,
            "fault": str(self.case.fault),
            "place": self.place,
            "codes": [ending.code for ending in (self.first, self.second) if ending],
            "said": [_end(ending) for ending in (self.first, self.second) if ending],
            "different": self.difference.different,
            "left_over": self.difference.left_over,
        }


class Uninterrupted(NamedTuple):
    """A command without faults."""

    ending: Ending
    outcome: dict[str, Any]


class Trials:
    """Runs cases, each in a folder of its own.

    Args:
      runner: of commands.
      scratch: a folder for theirs.
      jobs: cases at a time.
    """

    def __init__(self, runner: Runner, scratch: Path, jobs: int):
        self._runner = runner
        self._scratch = scratch
        self._jobs = jobs
        self._uninterrupted: dict[str, Uninterrupted] = {}

    def uninterrupted(self, command: CommandUnderTest) -> Uninterrupted:
        """The command without faults, run once.

        Raises:
          RuntimeError: if it fails.
        """
        if command.name not in self._uninterrupted:
            folder = self._scratch / command.name / "uninterrupted"
            folder.parent.mkdir(parents=True)
            command.prepare(folder)
            ending = self._runner.run(command.arguments(folder), folder)
            if ending.code:
                raise RuntimeError(f"{command.name} failed:\n{ending.output}")
            self._uninterrupted[command.name] = Uninterrupted(ending, outcomes.read(folder))
            shutil.rmtree(folder)
        return self._uninterrupted[command.name]

    def run_all(self, cases: Sequence[Case], description: str) -> list[Outcome]:
        """The outcomes of cases, with a bar on standard error."""
        for case in cases:
            self.uninterrupted(case.command)
        with concurrent.futures.ThreadPoolExecutor(self._jobs) as pool:
            found = pool.map(self._run, range(len(cases)), cases)
            return list(tqdm(found, description, len(cases), dynamic_ncols=True))

    def _run(self, number: int, case: Case) -> Outcome:
        command, fault = case.command, case.fault
        folder = self._scratch / command.name / f"{fault.action}-{fault.place}-{number}"
        command.prepare(folder)
        arguments = command.arguments(folder)
        if case.endless:
            first = self._runner.run(
                [*arguments, *command.endless], folder, fault, patience=_LATE_SECONDS
            )
        else:
            first = self._runner.run(arguments, folder, fault, case.signal_at, imports=case.imports)
        if fault.action == "remove" and first.code:  # There is nothing left to go on with.
            shutil.rmtree(folder)
            command.prepare(folder)
        second = None if first.code == 0 else self._runner.run(arguments, folder)
        found = outcomes.read(folder)
        shutil.rmtree(folder)
        difference = outcomes.compare(self.uninterrupted(command).outcome, found)
        return Outcome(case, folder, _place(case, first), first, second, difference)


@contextlib.contextmanager
def opened(
    settings: Settings, names: Sequence[str] = ()
) -> Iterator[tuple[Trials, list[CommandUnderTest]]]:
    """The commands of some names, or all, and where they are tried."""
    with tempfile.TemporaryDirectory() as folder:
        inputs, shared, trials = (
            Path(folder).resolve() / name for name in ("inputs", "shared", "trials")
        )
        for path in (inputs, shared, trials):
            path.mkdir()
        runner = Runner(shared, settings.jobs)
        try:
            yield Trials(runner, trials, settings.jobs), commands(inputs, runner, names)
        finally:
            runner.close()


def table(
    outcomes: Mapping[str, Sequence[Outcome]], columns: Mapping[str, Callable[[Outcome], bool]]
) -> list[str]:
    """A table with a row for each command and kind of fault, which counts the outcomes for which
    each of the columns is true.
    """
    rows = [("", "cases", *columns)]
    for what, found in outcomes.items():
        for name in dict.fromkeys(outcome.case.command.name for outcome in found):
            own = [outcome for outcome in found if outcome.case.command.name == name]
            counts = [sum(map(holds, own)) for holds in columns.values()]
            rows.append((f"{name}, {what}", *map(str, [len(own), *counts])))
    return text_table(rows).splitlines()


def _place(case: Case, ending: Ending) -> str:
    if case.signal_at is not None:
        of = " of a process of its own" if case.imports else ""
        return f"after {case.signal_at.seconds:.1f} s{of}"
    operations = ending.operations
    if case.fault.action == "full":
        return f"{case.fault.place:,} bytes"
    if not ending.hits or case.fault.place > len(operations):
        return "not reached"
    return without_random(operations[case.fault.place - 1])


def without_random(operation: str) -> str:
    """An operation's kind and path, without random parts of names."""
    return _RANDOM.sub("*", operation)


def _end(ending: Ending) -> str:
    """The end of what a command wrote."""
    return "\n".join(ending.output.strip().splitlines()[-3:])[-600:]
