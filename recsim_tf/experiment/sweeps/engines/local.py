"""The engine that runs trials on this machine, a process each."""

import os
import time
from collections.abc import Sequence

from recsim_tf.experiment.sweeps.folder import Progress
from recsim_tf.experiment.sweeps.process import TrialProcess
from recsim_tf.experiment.sweeps.trial import TrialFiles
from recsim_tf.stopping import noting_signals

_POLL_SECONDS = 0.1


def run_local(
    trials: Sequence[TrialFiles], progress: Progress, num_processes: int, threads: int
) -> int | None:
    """Runs prepared trials to their ends, in their order.

    Args:
      trials: their files.
      progress: is kept up to date.
      num_processes: trials that run at once.
      threads: of TensorFlow in each.

    Returns:
      None, or the signal that asked to stop, once the running trials have saved checkpoints and
      ended.
    """
    waiting, running = list(reversed(trials)), list[TrialProcess]()
    with noting_signals() as stop:
        try:
            while (waiting or running) and stop.signal is None:
                running = [process for process in running if process.poll() is None]
                while waiting and len(running) < num_processes:
                    running.append(TrialProcess(waiting.pop(), threads, os.getcwd()))
                progress.update()
                time.sleep(_POLL_SECONDS)
        finally:
            for process in running:
                process.stop()
            for process in running:
                process.wait()
    return stop.signal
