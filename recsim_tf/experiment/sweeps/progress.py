"""How far a sweep has come."""

import time
from collections.abc import Iterable

from tqdm import tqdm

from recsim_tf.experiment.sweeps.trial import FAILED, PENDING, MetricsTail, TrialFiles

_SECONDS = 1.0


class Progress:
    """One bar over the iterations of all trials, read from their files, whoever runs them.

    Args:
      files: of the trials.
    """

    def __init__(self, files: Iterable[TrialFiles]):
        self._files = list(files)
        self._tails = {trial.name: MetricsTail(trial.run) for trial in self._files}
        self._iterations = dict.fromkeys(self._tails, 0)
        self._statuses: dict[str, str] = {}
        self._next = 0.0
        total = sum(trial.num_iterations for trial in self._files)
        self._bar = tqdm(
            total=total,
            unit="it",
            desc=f"{len(self._files)} trials",
            dynamic_ncols=True,
            mininterval=_SECONDS,
        )

    def __enter__(self) -> "Progress":
        self.update(force=True)
        # The rate is of what runs, not of what was there.
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
        self._next = time.monotonic() + _SECONDS
        for trial in self._files:
            if self._statuses.get(trial.name, PENDING) == PENDING:
                self._look_at(trial)
        counts = list(self._statuses.values())
        failed = counts.count(FAILED)
        done = len(counts) - counts.count(PENDING) - failed
        self._bar.set_postfix_str(f"{done} done, {failed} failed", refresh=False)
        self._bar.update(sum(self._iterations.values()) - self._bar.n)

    def _look_at(self, trial: TrialFiles) -> None:
        rows = self._tails[trial.name].rows()
        if rows:
            self._iterations[trial.name] = rows[-1]["iteration"]
        self._statuses[trial.name] = trial.outcome().status
