# SPDX-License-Identifier: Apache-2.0
"""The process of a trial: `recsim-tf train`, which stops with a checkpoint when the sweep that
started it is gone.

    python -m recsim_tf.experiment.sweeps.worker RUN_FOLDER CONFIG_FILE

Standard input must be a pipe that the sweep holds open.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from recsim_tf.experiment import building, config
from recsim_tf.experiment.runs.folder import RunDirectory, locked
from recsim_tf.experiment.runs.process import exit_status, quiet
from recsim_tf.support.errors import UsageError

# Trials of a sweep that was killed may still be writing a checkpoint.
_PATIENCE_SECONDS = 120.0


def _stop_with_the_sweep() -> None:
    # Not by sys.stdin, whose lock the interpreter wants when it ends.
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _wait_for_the_folder(run: Path) -> None:
    """Waits until no other process is in the folder; after too long a wait `train` says so."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            with locked(run):
                return
        except UsageError:
            time.sleep(0.1)


def main() -> None:
    quiet()
    run, file = sys.argv[1:]
    threading.Thread(target=_stop_with_the_sweep, daemon=True).start()
    _wait_for_the_folder(Path(run))
    sys.exit(
        exit_status("train", lambda: building.train(RunDirectory(run, config.load([file], []))))
    )


if __name__ == "__main__":
    main()
