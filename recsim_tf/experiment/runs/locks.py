"""Locks of folders."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from recsim_tf.experiment.runs.errors import UsageError


@contextlib.contextmanager
def locked(folder: Path, name: str) -> Iterator[None]:
    """Creates the folder, and holds the lock of a name in it inside the context.

    Raises:
      UsageError: if another process holds it, or if the folder cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"root_dir {folder} cannot be created: {error.strerror}") from error
    # The operating system releases the lock when the process ends, however it ends.
    with open(folder / name, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError(
                f"root_dir {folder} is in use by another process: wait for it or choose another"
                " root_dir"
            ) from error
        yield
