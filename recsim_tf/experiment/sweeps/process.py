"""The process of a running trial, for the engine that started it."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from recsim_tf.experiment.runs.process import ERROR_PREFIX
from recsim_tf.experiment.sweeps.trial import FAILED, FINISHED, PENDING, Outcome, TrialFiles
from recsim_tf.support.files import no_link

_WORKER = "recsim_tf.experiment.sweeps.worker"


class TrialProcess:
    """Starts the process of a prepared trial, with so many threads of TensorFlow, in a folder, for
    relative paths of its configuration.

    Args:
      files: the files of the trial, whose log has the output of the process.
      threads: the number of threads of TensorFlow.
      folder: the folder that relative paths of the configuration begin in.
      others: prepared trials that are trained in the same program, see `PopulationRun`.
    """

    def __init__(
        self, files: TrialFiles, threads: int, folder: str, others: Sequence[TrialFiles] = ()
    ):
        self.files = files
        self._others = others
        self._stopped = False
        self._outcome: Outcome | None = None
        with open(files.log, "ab", opener=no_link) as log:
            self._log_start = log.tell()
            # The pipe tells it when this process ends, in whatever way. A session of its own keeps
            # the terminal's Ctrl-C from it.
            arguments = [
                str(path) for trial in (files, *others) for path in (trial.run, trial.config)
            ]
            self._process = subprocess.Popen(
                [sys.executable, "-m", _WORKER, *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(threads),
                cwd=folder if Path(folder).is_dir() else None,
                start_new_session=True,
            )

    def poll(self) -> Outcome | None:
        """None while it runs; then its outcome, that of the first of several trials. A failure is
        recorded for each trial that has not finished.
        """
        if self._outcome is None and self._process.poll() is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            code = self._process.returncode
            self._outcome, *_ = [self._conclude(each, code) for each in (self.files, *self._others)]
        return self._outcome

    def stop(self) -> None:
        """Asks it to save a checkpoint and end."""
        if not self._stopped and self._process.poll() is None:
            self._stopped = True
            self._process.send_signal(signal.SIGTERM)

    def wait(self) -> None:
        """Waits for its end, and records its outcome as `poll`."""
        self._process.wait()
        self.poll()

    def _conclude(self, files: TrialFiles, code: int) -> Outcome:
        # This is its last file; output or a kill after that changes nothing.
        if files.outcome().status == FINISHED:
            return Outcome(FINISHED)
        if self._stopped:
            return Outcome(PENDING)
        outcome = Outcome(FAILED, self._error(code))
        files.record(outcome)
        return outcome

    def _error(self, code: int) -> str:
        with open(self.files.log, "rb") as log:
            log.seek(self._log_start)
            text = log.read().decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith(ERROR_PREFIX)]
        if errors:
            return errors[-1].removeprefix(ERROR_PREFIX)
        last = f": {lines[-1]}" if lines else ""
        if code < 0:
            return f"ended by {signal.Signals(-code).name}{last}"
        return f"ended with exit status {code}{last}"


def _environment(threads: int) -> dict[str, str]:
    """The environment of a trial: as many threads on every machine, and no bar in the log."""
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    shared = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    return {**shared, **os.environ, **dict.fromkeys(names, str(threads)), "TQDM_DISABLE": "1"}
