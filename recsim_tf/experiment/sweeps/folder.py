"""The folder of a sweep: which trials belong to it, and which sweeps may go on in it."""

import contextlib
import fcntl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from recsim_tf.experiment.runs.errors import UsageError
from recsim_tf.experiment.runs.folder import RunDirectory, holds
from recsim_tf.experiment.runs.locks import locked
from recsim_tf.experiment.sweeps.trial import MetricsTail, Trial, TrialFiles
from recsim_tf.files import UNFINISHED, read_json, remove, write_json

_RECORD = "trials.json"


class Shard(NamedTuple):
    """A part of the trials: those whose place leaves `remainder` when divided by `divisor`."""

    remainder: int = 0
    divisor: int = 1

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Of "i/n".

        Raises:
          UsageError: unless 0 <= i < n.
        """
        remainder, _, divisor = text.partition("/")
        if not (remainder.isdecimal() and divisor.isdecimal() and int(remainder) < int(divisor)):
            raise UsageError(f"--shard must be i/n with 0 <= i < n, such as 0/2, got {text!r}")
        return cls(int(remainder), int(divisor))


class SweepDirectory:
    """A folder that belongs to one sweep.

    Args:
      root_dir: created by `claim` if it does not exist; else it must be empty or hold this sweep,
        which may have got more trials or more iterations since.
      trials: of the sweep.

    Raises:
      UsageError: if the folder holds anything else. Nothing in it is changed then.
    """

    def __init__(self, root_dir: str, trials: Sequence[Trial]):
        self.path = Path(root_dir).absolute()
        self.trials = trials
        self.files = {trial.name: TrialFiles.of(self.path, trial) for trial in trials}
        if holds(Path(root_dir), _RECORD, "sweep"):
            self._check_record(root_dir)

    def part(self, shard: Shard) -> list[Trial]:
        """The trials of a shard."""
        return list(self.trials[shard.remainder :: shard.divisor])

    @contextlib.contextmanager
    def claim(self, shard: Shard) -> Iterator[None]:
        """Creates the folder, removes what killed processes left unfinished in it, records the
        trials, and keeps other processes from the shard inside the context.

        Raises:
          UsageError: if another process has claimed it.
        """
        with locked(self.path, f".lock-{shard.remainder}-of-{shard.divisor}"):
            with self.writing():
                for path in self.path.glob(f"*{UNFINISHED}"):
                    remove(path)
                names = [trial.name for trial in self.trials]
                write_json(self.path / _RECORD, {"trials": names})
            yield

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Waits until no other shard writes what all shards write."""
        with open(self.path / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _check_record(self, root_dir: str) -> None:
        advice = "restore it, or choose another root_dir"
        recorded = read_json(self.path / _RECORD, {"trials": [str]}, advice)["trials"]
        missing = [name for name in recorded if name not in self.files]
        if missing:
            raise UsageError(
                f"root_dir {root_dir} holds a sweep whose trial {missing[0]} is not in this one: "
                "keep the trials that are there (more may come) or choose another root_dir"
            )
        for trial in self.trials:
            self._check_run(trial)

    def _check_run(self, trial: Trial) -> None:
        """Refuses what `train` would refuse, before anything starts."""
        run = self.files[trial.name].run
        RunDirectory(run, trial.config)
        done = max((row["iteration"] for row in MetricsTail(run).rows()), default=0)
        if done > trial.num_iterations:
            raise UsageError(
                f"trial {trial.name}: train.num_iterations must be at least {done}, which it has"
                f" reached, got {trial.num_iterations}"
            )
