# SPDX-License-Identifier: Apache-2.0
"""Commands that a fault befalls, and that run once more without one."""

import concurrent.futures
import contextlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from campaign import outcomes
from campaign.commands_under_test import CommandUnderTest, commands
from campaign.runner import Ending, Fault, Runner
from sections import Section, Settings
from tqdm import tqdm

from recsim_tf.support.tables import text_table

# Random parts of names, and ids of processes.
_RANDOM = re.compile(r"(?<=tempstate)\d+|(?<=tmp)[0-9a-f]{32}|(?<=tfevents).*|[0-9a-f]{8}(?=\.new)")


class Case(NamedTuple):
    """A fault that befalls a command."""

    command: CommandUnderTest
    fault: Fault


class Outcome(NamedTuple):
    """The outcome of a case."""

    case: Case
    folder: Path
    place: str  # "KIND PATH" of the operation, or a number of bytes
    first: Ending  # of the command with the fault
    last: Ending  # of the same command without; the first if that ended well
    difference: outcomes.Difference  # from an uninterrupted run

    def not_resumed(self) -> str:
        """Why the command fails for good, or ""."""
        return f"exit status {self.last.code}: {self.last.last_line()}" if self.last.code else ""

    def different(self) -> str:
        """The files in which it ends well with other results, or ""."""
        return "" if self.last.code else ", ".join(self.difference.different)

    def left_over(self) -> str:
        """The files that it leaves too many, or ""."""
        return "" if self.last.code else ", ".join(self.difference.left_over)

    def __str__(self) -> str:
        fault = self.case.fault
        number = f" {fault.number}" if fault.number else ""
        return f"{self.case.command.name}, {fault.action}{number}, {self.place}"


class Trials:
    """Runs cases, each in a folder of its own.

    Args:
      runner: of commands.
      inputs: the folder that commands read.
      scratch: a folder for theirs.
      jobs: cases at a time.
    """

    def __init__(self, runner: Runner, inputs: Path, scratch: Path, jobs: int):
        self._runner = runner
        self._inputs = inputs
        self._scratch = scratch
        self._jobs = jobs
        self._uninterrupted: dict[str, tuple[Ending, dict[str, str]]] = {}

    def uninterrupted(self, command: CommandUnderTest) -> Ending:
        """The command without faults, run once.

        Raises:
          RuntimeError: if it fails.
        """
        if command.name not in self._uninterrupted:
            folder = self._scratch / f"{command.name} uninterrupted"
            ending = self._runner.run(command.prepare(folder, self._inputs), folder)
            if ending.code:
                raise RuntimeError(f"{command.name} failed:\n{ending.output}")
            self._uninterrupted[command.name] = ending, outcomes.read(folder)
            shutil.rmtree(folder)
        return self._uninterrupted[command.name][0]

    def run_all(self, cases: Sequence[Case], description: str) -> list[Outcome]:
        """The outcomes of cases, with a bar on standard error."""
        for case in cases:
            self.uninterrupted(case.command)
        with concurrent.futures.ThreadPoolExecutor(self._jobs) as pool:
            results = pool.map(self._run, range(len(cases)), cases)
            return list(tqdm(results, description, len(cases), dynamic_ncols=True))

    def _run(self, number: int, case: Case) -> Outcome:
        command, fault = case
        folder = self._scratch / f"{command.name} {fault.action} {number}"
        arguments = command.prepare(folder, self._inputs)
        first = self._runner.run(arguments, folder, fault)
        last = self._runner.run(arguments, folder) if first.code else first
        _, expected = self._uninterrupted[command.name]
        difference = outcomes.compare(expected, outcomes.read(folder))
        shutil.rmtree(folder)
        return Outcome(case, folder, _place(fault, first), first, last, difference)


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
            under_test = commands(inputs, runner, names)
            yield Trials(runner, inputs, trials, settings.jobs), under_test
        finally:
            runner.close()


def report(
    section: str,
    title: str,
    kinds: Mapping[str, Sequence[Outcome]],
    columns: Mapping[str, Callable[[Outcome], str]],
) -> Section:
    """Counts how often each promise is broken.

    Args:
      section: begins the names of the figures.
      title: of the table.
      kinds: outcomes by what befell the commands. A row counts those of a kind and a command.
      columns: give what is wrong with an outcome, or "".
    """
    rows = [("", "cases", *columns)]
    all_outcomes = [outcome for outcomes in kinds.values() for outcome in outcomes]
    wrong = {
        name: [_without_random(of(each)) for each in all_outcomes] for name, of in columns.items()
    }
    keys = [
        f"{outcome.case.command.name}, {kind}"
        for kind, outcomes in kinds.items()
        for outcome in outcomes
    ]
    for key in dict.fromkeys(keys):
        same_key = [index for index, key_of_outcome in enumerate(keys) if key_of_outcome == key]
        counts = [sum(bool(texts[index]) for index in same_key) for texts in wrong.values()]
        rows.append((key, *map(str, [len(same_key), *counts])))
    failing = [
        f"{outcome}: {name}: {text}"
        for name, texts in wrong.items()
        for outcome, text in zip(all_outcomes, texts, strict=True)
        if text
    ]
    figures: dict[str, float] = {f"{section}.runs": len(all_outcomes)}
    for name, texts in wrong.items():
        figures[f"{section}.{name.replace(' ', '_')}"] = sum(map(bool, texts))
    lines = [title, *text_table(rows).splitlines(), *(f"  {line}" for line in failing)]
    return Section(figures, {"failing": failing}, lines)


def _place(fault: Fault, ending: Ending) -> str:
    if fault.action == "full":
        return f"{fault.place:,} bytes"
    if not ending.hits or fault.place > len(ending.operations):
        return "not reached"
    return _without_random(ending.operations[fault.place - 1])


def _without_random(text: str) -> str:
    """A text without the random parts of names."""
    return _RANDOM.sub("*", text)
