# SPDX-License-Identifier: Apache-2.0
"""The folder of a sweep: its trials, the sweeps that may go on in it, and their progress."""

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from recsim_tf.experiment.runs.folder import RunDirectory, holds, locked
from recsim_tf.experiment.sweeps.trial import FAILED, PENDING, Trial, TrialFiles
from recsim_tf.support.errors import UsageError
from recsim_tf.support.files import UNFINISHED, read_json, remove, write_json
from recsim_tf.support.locks import lock
from recsim_tf.support.progress import progress_bar

_RECORD = "trials.json"
_PROGRESS_SECONDS = 1.0


class Shard(NamedTuple):
    """A part of the trials: those whose place leaves `remainder` when divided by `divisor`."""

    remainder: int = 0
    divisor: int = 1

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """The shard of "i/n". Raises a UsageError unless 0 <= i < n."""
        remainder, _, divisor = text.partition("/")
        if not (remainder.isdecimal() and divisor.isdecimal() and int(remainder) < int(divisor)):
            raise UsageError(f"--shard must be i/n with 0 <= i < n, such as 0/2, got {text!r}")
        return cls(int(remainder), int(divisor))


class SweepDirectory:
    """A folder that belongs to one sweep.

    Args:
      root_dir: created by `claim` if it does not exist; else it must be empty or hold this sweep,
        which may have got more trials or more iterations since.
      trials: the trials of the sweep.

    Raises:
      UsageError: if the folder holds anything else. Nothing in it is changed then.
    """

    def __init__(self, root_dir: str, trials: Sequence[Trial]):
        self.path = Path(root_dir).absolute()
        self.trials = trials
        self.files = {
            trial.name: TrialFiles(self.path, trial.name, trial.num_iterations) for trial in trials
        }
        # Whether no sweep has begun in the folder.
        self.is_new = not holds(Path(root_dir), _RECORD, "sweep")
        if not self.is_new:
            self._check_record(root_dir)

    def part(self, shard: Shard) -> list[Trial]:
        """The trials of a shard."""
        return list(self.trials[shard.remainder :: shard.divisor])

    @contextlib.contextmanager
    def claim(self, shard: Shard) -> Iterator[None]:
        """Creates the folder, removes unfinished files of killed processes, records the trials, and
        keeps other processes from the shard inside the context. Raises a UsageError if another
        process has claimed it.
        """
        with locked(self.path, f".lock-{shard.remainder}-of-{shard.divisor}"):
            with self.writing():
                for path in self.path.glob(f"*{UNFINISHED}"):
                    remove(path)
                write_json(self.path / _RECORD, {"trials": list(self.files)})
            yield

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Waits until no other shard writes the files that all shards write."""
        with lock(self.path / ".lock", waits=True):
            yield

    def _check_record(self, root_dir: str) -> None:
        advice = "restore it, or choose another root_dir"
        record = self.path / _RECORD
        recorded = read_json(record, lambda trials: list(map(str, trials)), advice)
        missing = [name for name in recorded if name not in self.files]
        if missing:
            raise UsageError(
                f"root_dir {root_dir} holds a sweep whose trial {missing[0]} is not in this one: "
                "keep the trials that are there (more may come) or choose another root_dir"
            )
        # Runs that `train` would refuse are refused before anything starts.
        for trial in self.trials:
            files = self.files[trial.name]
            RunDirectory(files.run, trial.config)
            done = max((row["iteration"] for row in files.metrics()), default=0)
            if done > trial.num_iterations:
                raise UsageError(
                    f"trial {trial.name}: train.num_iterations must be at least {done}, which it"
                    f" has reached, got {trial.num_iterations}"
                )


class ProgressBar:
    """One bar over the iterations of all trials, read from their files, whoever runs them."""

    def __init__(self, files: Iterable[TrialFiles]):
        self._files = list(files)
        self._iterations = {trial.name: 0 for trial in self._files}
        self._statuses: dict[str, str] = {}
        self._next = 0.0
        total = sum(trial.num_iterations for trial in self._files)
        self._bar = progress_bar(
            total=total,
            unit="it",
            desc=f"{len(self._files)} trials",
            dynamic_ncols=True,
            mininterval=_PROGRESS_SECONDS,
        )

    def __enter__(self) -> "ProgressBar":
        self.update(force=True)
        # The rate counts iterations of this process only.
        self._bar.initial = self._bar.n
        self._bar.start_t = self._bar.last_print_t = time.time()
        return self

    def __exit__(self, *unused) -> None:
        self.update(force=True)
        self._bar.close()

    def update(self, force: bool = False) -> None:
        """Looks at the files, at most once a second unless forced."""
        if not force and time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _PROGRESS_SECONDS
        for trial in self._files:
            if self._statuses.get(trial.name, PENDING) == PENDING:
                for row in trial.metrics(after=self._iterations[trial.name]):
                    self._iterations[trial.name] = row["iteration"]
                self._statuses[trial.name] = trial.outcome().status
        counts = list(self._statuses.values())
        failed = counts.count(FAILED)
        done = len(counts) - counts.count(PENDING) - failed
        self._bar.set_postfix_str(f"{done} done, {failed} failed", refresh=False)
        self._bar.update(sum(self._iterations.values()) - self._bar.n)
