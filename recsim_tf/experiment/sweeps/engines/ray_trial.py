# SPDX-License-Identifier: Apache-2.0
"""A trial in the hands of Ray Tune."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray import tune

from recsim_tf.experiment.sweeps.process import TrialProcess
from recsim_tf.experiment.sweeps.trial import TrialFiles
from recsim_tf.support.errors import one_line
from recsim_tf.support.stopping import Stop

if TYPE_CHECKING:
    from recsim_tf.experiment.sweeps.sweep_folder import ProgressBar

_POLL_SECONDS = 0.1


class RayTrial(tune.Trainable):
    """Starts the process that the local engine starts, and reports the evaluations in its
    metrics.jsonl to Tune as they come.
    """

    def setup(self, config: dict[str, Any]) -> None:
        job = config["job"]
        self._files = TrialFiles(Path(config["root"]), job["name"], job["num_iterations"])
        self._flag = Path(config["flag"])
        self._iteration = -1
        self._rows: list[dict[str, Any]] = []
        self._last: dict[str, Any] = {}
        self._process = TrialProcess(self._files, config["threads"], config["folder"])

    def step(self) -> dict[str, Any]:
        """Waits for the next evaluation, or for the end of the trial: its last evaluation is
        reported when its results are there.
        """
        while True:
            outcome = self._process.poll()
            for row in self._files.metrics(after=self._iteration):
                self._iteration = row["iteration"]
                if "AverageEpisodeRewards/eval" in row:
                    self._rows.append(row)
            if self._rows and (
                self._rows[0]["iteration"] < self._files.num_iterations or outcome is not None
            ):
                self._last = self._rows.pop(0)
                return {**self._last, "done": outcome is not None and not self._rows}
            if outcome is not None:
                return {**self._last, "done": True}
            if self._flag.exists():
                self._process.stop()
            time.sleep(_POLL_SECONDS)

    def cleanup(self) -> None:
        """Ends the process, which saves a checkpoint."""
        self._process.stop()
        self._process.wait()


class WhenAsked(tune.Stopper):
    """Ends all trials once a signal came. A file on a file system that all nodes share, the flag,
    reaches their actors, which may be waiting for an evaluation.
    """

    def __init__(self, stop: Stop, flag: Path):
        self._stop = stop
        self._flag = flag

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        if self._stop.signal is None:
            return False
        self._flag.touch()
        return True


class Watch(tune.Callback):
    """Follows Tune for the progress, and for how trials end: `record` gets the name of each trial
    that ended, and the error of Ray or None.
    """

    def __init__(self, progress: "ProgressBar", record: Callable[[str, str | None], None]):
        self._progress = progress
        self._record = record

    def __getstate__(self) -> dict[str, Any]:
        # Tune pickles what it could restore; we restore nothing from it.
        return {}

    def on_step_end(self, iteration: int, trials: Any, **info: Any) -> None:
        self._progress.update()

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        self._record(trial.config["job"]["name"], None)

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        error = trial.get_error()
        message = one_line(error)[:300] if error is not None else "the trial was lost"
        self._record(trial.config["job"]["name"], f"Ray: {message}")
