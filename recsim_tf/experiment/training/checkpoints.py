"""Checkpoints of a run: of what its replicas share, and of what each has of its own."""

import tensorflow as tf

from recsim_tf import replicas
from recsim_tf.experiment.runs.errors import UsageError
from recsim_tf.experiment.runs.folder import RunDirectory, restore
from recsim_tf.experiment.training.devices import Devices


class RunCheckpoints:
    """Saves and restores a run on a devices.

    The chief saves the run as one device would, which is all that evaluations need. Of what belongs
    to single replicas that holds the first one's. So with several replicas every worker saves those
    of its own beside it, in checkpoints/worker-<index>. A run goes on from the newest iteration
    that all workers saved; the folder must be one that they share.

    Args:
      run_dir: the folder.
      checkpoint: of the whole run.
      devices: where it computes.
      max_to_keep: checkpoints that are kept, at least two with several workers, of which one may be
        lost before it has saved.
    """

    def __init__(
        self,
        run_dir: RunDirectory,
        checkpoint: tf.train.Checkpoint,
        devices: Devices,
        max_to_keep: int,
    ):
        self._run_dir = run_dir
        self._devices = devices
        self._max_to_keep = max(max_to_keep, min(devices.num_workers, 2))
        self._checkpoint = checkpoint
        self._own = None
        if devices.strategy.num_replicas_in_sync > 1:
            with devices.strategy.scope():
                self._own = tf.train.Checkpoint(
                    variables=replicas.of_this_process(checkpoint.loop.variables)
                )

    def restore(self) -> bool:
        """Goes to the newest checkpoint; returns whether there was one.

        Raises:
          UsageError: if it cannot be read.
        """
        if self._own is None:
            return self._run_dir.restore_latest(self._checkpoint)
        whole = self._run_dir.checkpoint_paths()
        own = [
            self._run_dir.checkpoint_paths(_folder(worker))
            for worker in range(self._devices.num_workers)
        ]
        common = set(whole).intersection(*own)
        if common:
            restore(self._checkpoint, whole[max(common)])
            restore(self._own, own[self._devices.index][max(common)])
        elif whole or any(own):
            workers = self._devices.num_workers
            raise UsageError(
                f"root_dir {self._run_dir.path} has no iteration of which all {workers} workers"
                " have a checkpoint"
            )
        return bool(common)

    def save(self, iteration: int) -> None:
        """Writes the checkpoints of an iteration that are this worker's to write."""
        if self._own is not None:
            self._run_dir.checkpoint_manager(
                self._own, self._max_to_keep, _folder(self._devices.index)
            ).save(checkpoint_number=iteration)
        if self._devices.is_chief:
            self._run_dir.checkpoint_manager(self._checkpoint, self._max_to_keep).save(
                checkpoint_number=iteration
            )


def _folder(worker: int) -> str:
    return f"worker-{worker}"
