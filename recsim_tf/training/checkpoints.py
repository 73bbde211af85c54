# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of a training: the variables that its replicas share, and the own ones of each."""

import sys
from pathlib import Path

import tensorflow as tf

from recsim_tf.core.runs import replicas
from recsim_tf.support import checkpoints
from recsim_tf.support.checkpoints import RUN
from recsim_tf.support.errors import UsageError
from recsim_tf.training.devices import Devices
from recsim_tf.training.loop import LearningLoop

_REPLAY = "replay"
_REPLICAS = "replicas"


class TrainingCheckpoints:
    """Saves and restores a training on its devices.

    The chief saves the training as one device would, which is all that evaluations need. The frames
    of the replay, which are nearly all of its size, are in the newest checkpoint only.

    Several replicas each have a replay, users and metrics of their own. So every worker saves those
    of its replicas, in a folder worker-<index>-of-<workers> beside the run's checkpoints. A run
    goes on from the newest iteration that all workers saved; the folder must be one that they
    share.

    Args:
      folder: the folder of the checkpoints.
      loop, checkpoint: the loop of the training, and the checkpoint of all but its replay.
      devices: the devices of the training.
      max_to_keep: checkpoints that are kept, at least two with several workers, of which one may be
        lost before it has saved.
    """

    def __init__(
        self,
        folder: Path,
        loop: LearningLoop,
        checkpoint: tf.train.Checkpoint,
        devices: Devices,
        max_to_keep: int,
    ):
        self._folder = folder
        self._loop, self._checkpoint = loop, checkpoint
        self._devices = devices
        self._max_to_keep = max(max_to_keep, min(devices.num_workers, 2))
        self._own = None
        if devices.strategy.num_replicas_in_sync > 1:
            with devices.strategy.scope():
                self._own = tf.train.Checkpoint(variables=replicas.of_this_process(loop.variables))

    @property
    def newest(self) -> int:
        """The iteration of the newest checkpoint; 0 if there is none."""
        return max(checkpoints.numbers(self._folder), default=0)

    def restore(self) -> int | None:
        """Goes to the newest checkpoint; returns its iteration, or None if there is none.

        An older one where that cannot be read has no frames of the replay. They are collected anew
        then, which is said on standard error.

        Raises:
          CorruptError: if none can be read.
          UsageError: if it is of another number of workers.
        """
        folders = [self._folder] if self._devices.is_chief else []
        if self._own is None:
            self._folder.mkdir(exist_ok=True)
            iteration = self._restore_one()
        else:
            folders.append(self._own_folder(self._devices.index))
            iteration = self._restore_several(self._own)
        for folder in folders:
            # A process may have been killed before it removed what is old.
            if iteration == max(checkpoints.numbers(folder), default=0):
                checkpoints.trim(folder, self._max_to_keep)
        return iteration

    def _restore_one(self) -> int | None:
        iteration = checkpoints.restore_newest(self._folder, RUN, self._checkpoint)
        if iteration is None:
            return None
        try:
            checkpoints.restore(self._folder, iteration, _REPLAY, self._loop.replay.checkpoint())
        except checkpoints.CorruptError:
            print(
                f"recsim-tf: checkpoint {self._folder / str(iteration)} has no replay that can be"
                " read: it is collected anew, so that results will differ from those of a run that"
                " was not interrupted",
                file=sys.stderr,
                flush=True,
            )
            self._loop.replay.clear()
        checkpoints.keep_newest(self._folder, _REPLAY)
        return iteration

    def _restore_several(self, of_replicas: tf.train.Checkpoint) -> int | None:
        workers = range(self._devices.num_workers)
        of_workers = {folder.name for folder in self._folder.glob("worker-*")}
        if of_workers - {self._own_folder(worker).name for worker in workers}:
            raise UsageError(
                f"root_dir {self._folder.parent} holds a run of another number of workers than"
                f" {len(workers)}, with {', '.join(sorted(of_workers))}"
            )
        self._own_folder(self._devices.index).mkdir(parents=True, exist_ok=True)
        saved = [checkpoints.numbers(self._folder)]
        saved += [checkpoints.numbers(self._own_folder(worker)) for worker in workers]
        common = set.intersection(*map(set, saved))
        if not common:
            # Workers save together, so that one can miss the first checkpoint at most.
            if max(map(len, saved)) > 1:
                raise UsageError(
                    f"root_dir {self._folder.parent} has no iteration of which all"
                    f" {len(workers)} workers have a checkpoint"
                )
            return None
        iteration = max(common)
        checkpoints.restore(self._folder, iteration, RUN, self._checkpoint)
        checkpoints.restore(
            self._own_folder(self._devices.index), iteration, _REPLICAS, of_replicas
        )
        return iteration

    def save(self, iteration: int) -> None:
        """Writes the checkpoints of an iteration that are this worker's to write."""
        parts = {RUN: self._checkpoint}
        if self._own is None:
            parts[_REPLAY] = self._loop.replay.checkpoint()
        else:
            folder = self._own_folder(self._devices.index)
            checkpoints.save(folder, iteration, {_REPLICAS: self._own}, self._max_to_keep)
        if self._devices.is_chief:
            checkpoints.save(self._folder, iteration, parts, self._max_to_keep)
            checkpoints.keep_newest(self._folder, _REPLAY)

    def _own_folder(self, worker: int) -> Path:
        return self._folder / f"worker-{worker}-of-{self._devices.num_workers}"
