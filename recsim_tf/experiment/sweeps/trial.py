# SPDX-License-Identifier: Apache-2.0
"""A trial of a sweep, and its state, which its files record."""

import contextlib
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from recsim_tf.support.files import read_json, require_numbers, unfinished, write_json, write_text

FINISHED = "finished"
FAILED = "failed"
STOPPED = "stopped"  # by a scheduler
PENDING = "pending"  # not run, or not to its end

_AGAIN = "the same sweep runs the trial again"


class Variant(NamedTuple):
    """Bindings that several seeds share."""

    label: str  # the name of its folder
    bindings: dict[str, Any]  # by the names of their parameters


class Trial(NamedTuple):
    """One training run of a sweep."""

    variant: Variant
    seed: int
    config: str  # the text of `config.load`
    num_iterations: int

    @property
    def name(self) -> str:
        """The path of its run below the folder of trials."""
        return f"{self.variant.label}/seed-{self.seed}"


class Outcome(NamedTuple):
    """The state of a trial."""

    status: str
    error: str = ""  # in one line

    @property
    def is_settled(self) -> bool:
        """True if the trial is not to be run again."""
        return self.status in (FINISHED, STOPPED)


@dataclasses.dataclass(frozen=True)
class Results:
    """The content of results.json of a finished run."""

    policies: Sequence[dict[str, Any]]  # the agent last
    train: dict[str, Any]

    def __post_init__(self):
        require_numbers(self.train)
        int(self.train["iterations"])
        for policy in self.policies:
            numbers = {name: value for name, value in policy.items() if name != "name"}
            require_numbers(numbers)
            float(numbers["mean_return"])
            float(numbers["standard_error"])
            if not isinstance(policy["name"], str):
                raise TypeError(f"a policy must have a name, got {policy['name']!r}")
        if not self.policies:
            raise ValueError("it has no policies")


class TrialFiles(NamedTuple):
    """The files of one trial, all below the folder of its variant."""

    root: Path  # of the sweep
    name: str  # of the trial
    num_iterations: int

    @property
    def run(self) -> Path:
        """The folder of `recsim-tf train`."""
        return self.root / "trials" / self.name

    @property
    def config(self) -> Path:
        """The configuration of the run."""
        return self._beside(".gin")

    @property
    def log(self) -> Path:
        """The output of the trial's processes, one after the other."""
        return self._beside(".log")

    @property
    def _outcome(self) -> Path:
        return self._beside(".outcome.json")

    def _beside(self, suffix: str) -> Path:
        return self.run.with_name(self.run.name + suffix)

    def results(self) -> Results | None:
        """The results after all iterations. Raises a ValueError if the file is damaged."""
        try:
            results = read_json(self.run / "results.json", Results, _AGAIN)
        except FileNotFoundError:
            return None
        return results if results.train["iterations"] == self.num_iterations else None

    def outcome(self) -> Outcome:
        """The state of the trial; one whose files are damaged has failed."""
        try:
            if self.results() is not None:
                return Outcome(FINISHED)
            return read_json(self._outcome, _recorded, _AGAIN)
        except FileNotFoundError:
            return Outcome(PENDING)
        except ValueError as damage:
            return Outcome(FAILED, str(damage))

    def metrics(self, after: int = -1) -> list[dict[str, Any]]:
        """The rows of metrics.jsonl so far whose iteration is above `after`, each iteration once: a
        run that goes on writes some of them again.
        """
        rows = []
        with contextlib.suppress(FileNotFoundError):
            for line in (self.run / "metrics.jsonl").read_bytes().splitlines():
                # The run itself reports the fault of any other line.
                with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
                    row = json.loads(line)
                    if row["iteration"] > after:
                        rows.append(row)
                        after = row["iteration"]
        return rows

    def record(self, outcome: Outcome) -> None:
        """Records that the trial failed, or was stopped by a scheduler."""
        write_json(self._outcome, outcome._asdict())

    def prepare(self, config: str) -> None:
        """Writes the configuration, and deletes any record of a failure, whole or half-written."""
        self.config.parent.mkdir(parents=True, exist_ok=True)
        write_text(self.config, config)
        for path in (self._outcome, unfinished(self._outcome)):
            path.unlink(missing_ok=True)


def _recorded(status: str, error: str) -> Outcome:
    """An outcome as `TrialFiles.record` writes it."""
    return Outcome(STOPPED if status == STOPPED else FAILED, str(error))
