# SPDX-License-Identifier: Apache-2.0
"""The process of a running trial, for the engine that started it."""

import os
import signal
import subprocess
import sys
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
    """

    def __init__(self, files: TrialFiles, threads: int, folder: str):
        self.files = files
        self._stopped = False
        self._outcome: Outcome | None = None
        with open(files.log, "ab", opener=no_link) as log:
            self._log_start = log.tell()
            # The pipe tells it when this process ends, in whatever way. A session of its own keeps
            # the terminal's Ctrl-C from it.
            self._process = subprocess.Popen(
                [sys.executable, "-m", _WORKER, str(files.run), str(files.config)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(threads),
                cwd=folder if Path(folder).is_dir() else None,
                start_new_session=True,
            )

    def poll(self) -> Outcome | None:
        """None while it runs; then its outcome. A failure is recorded."""
        if self._outcome is None and self._process.poll() is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._outcome = self._conclude(self._process.returncode)
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

    def _conclude(self, code: int) -> Outcome:
        # This is its last file; output or a kill after that changes nothing.
        if self.files.outcome().status == FINISHED:
            return Outcome(FINISHED)
        if self._stopped:
            return Outcome(PENDING)
        outcome = Outcome(FAILED, self._error(code))
        self.files.record(outcome)
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
