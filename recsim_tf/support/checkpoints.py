# SPDX-License-Identifier: Apache-2.0
"""Numbered checkpoints in a folder, each a folder that appears complete or not at all."""

import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import tensorflow as tf

from recsim_tf.support.errors import one_line
from recsim_tf.support.files import remove, storing, whole_folder

_POLL_SECONDS = 0.5
# The part of a checkpoint of a training that evaluations need.
RUN = "run"


class CorruptError(ValueError):
    """A checkpoint cannot be read, or was written by another program."""


def numbers(folder: Path) -> list[int]:
    """The numbers of the checkpoints in a folder, which need not exist, in ascending order."""
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())


def save(
    folder: Path, number: int, parts: Mapping[str, tf.train.Checkpoint], max_to_keep: int
) -> None:
    """Writes a checkpoint, and keeps the newest `max_to_keep` checkpoints, at least 1. A checkpoint
    of the same number is replaced. Checkpoints of higher numbers are removed, since they could not
    be read when the run went back to an older checkpoint. Raises an OSError if it cannot be
    written.
    """
    path = folder / str(number)
    with storing(path):
        with whole_folder(path) as written:
            for name, part in parts.items():
                part.write(str(written / name))
            # TensorFlow ignores a failure to remove its temporary files.
            for path_of_parts in written.glob("*_temp"):
                remove(path_of_parts)
        for overtaken in (higher for higher in numbers(folder) if higher > number):
            remove(folder / str(overtaken))
        trim(folder, max_to_keep)


def trim(folder: Path, max_to_keep: int) -> None:
    """Removes all checkpoints but the newest `max_to_keep`, at least 1."""
    for old in numbers(folder)[:-max_to_keep]:
        remove(folder / str(old))


def keep_newest(folder: Path, part: str) -> None:
    """Removes a part of all checkpoints but the newest."""
    for number in numbers(folder)[:-1]:
        for path in sorted((folder / str(number)).glob(f"{part}.*"), reverse=True):
            path.unlink()


def restore(
    folder: Path, number: int, part: str, checkpoint: tf.train.Checkpoint, whole: bool = True
) -> None:
    """Restores a part of a checkpoint by its name. If `whole`, there must be an object for every
    value of the part. Raises a CorruptError if it is corrupt, incomplete, or the part of other
    objects.
    """
    path, status = folder / str(number) / part, None
    try:
        for file in path.parent.glob(f"{part}.*"):
            # A read of a named pipe would wait for ever.
            if not file.is_file():
                raise ValueError(f"{file.name} is not a file")
        status = checkpoint.read(str(path))
        status.assert_existing_objects_matched()
        if whole:
            status.assert_consumed()
        else:
            status.expect_partial()
    except Exception as error:  # A damaged file can raise anything.
        if status is not None:
            # TensorFlow would warn of every value when the status is gone.
            status.expect_partial()
        raise CorruptError(
            f"checkpoint {path} is corrupt or was written by something else"
            f" ({one_line(error)[:200]})"
        ) from error


def restore_newest(
    folder: Path, part: str, checkpoint: tf.train.Checkpoint, whole: bool = True
) -> int | None:
    """Restores a part of the newest checkpoint of a folder. If it cannot be read, an older
    checkpoint is restored, with a message on standard error.

    Returns:
      The number of the checkpoint, or None for a folder without checkpoints.

    Raises:
      CorruptError: if no checkpoint can be read; the message is about the newest.
    """
    faults: list[CorruptError] = []
    for number in reversed(numbers(folder)):
        try:
            restore(folder, number, part, checkpoint, whole)
        except CorruptError as error:
            faults.append(error)
            continue
        for fault in faults:
            print(f"recsim-tf: {fault}: going back to {number}", file=sys.stderr, flush=True)
        return number
    if faults:
        newest = faults[0]
        raise CorruptError(f"{newest}: restore the file or choose another folder") from newest
    return None


def watch(folder: Path, timeout: float) -> Iterator[int]:
    """The newest number of a folder, whenever it changes. Checkpoints that come and go between two
    looks are left out. It ends after `timeout` seconds without a change.
    """
    last, since = None, time.monotonic()
    while time.monotonic() - since < timeout:
        newest = max(numbers(folder), default=None)
        if newest is None or newest == last:
            time.sleep(min(_POLL_SECONDS, timeout))
            continue
        yield newest
        last, since = newest, time.monotonic()
