# SPDX-License-Identifier: Apache-2.0
"""Locks that keep processes apart."""

import contextlib
import os
from pathlib import Path
from typing import IO

import portalocker

from recsim_tf.support.files import no_link


def lock(path: Path, waits: bool = False) -> IO[bytes]:
    """Opens a file, and locks it until it is closed. The operating system also releases the lock
    when the process ends, however it ends.

    Args:
      path: the file, which is created if it does not exist, and keeps what it holds.
      waits: whether to wait until no other process holds the lock.

    Returns:
      The file, opened to append to it.

    Raises:
      BlockingIOError: if another process holds the lock, or has removed the file meanwhile.
      OSError: if the file cannot be opened, or is a link, a folder or a pipe.
    """
    flags = portalocker.LockFlags.EXCLUSIVE
    if path.exists() and not path.is_file():
        raise OSError(f"{path} must be a file, or not exist, for a lock")
    file = open(path, "ab", opener=no_link)  # noqa: SIM115
    try:
        portalocker.lock(file, flags if waits else flags | portalocker.LockFlags.NON_BLOCKING)
        if not os.path.samestat(os.fstat(file.fileno()), path.lstat()):
            raise FileNotFoundError
    except portalocker.AlreadyLocked as error:
        file.close()
        raise BlockingIOError(f"{path} is locked by another process") from error
    except FileNotFoundError as error:
        file.close()
        raise BlockingIOError(f"{path} was removed by another process") from error
    except BaseException:
        file.close()
        raise
    return file


def release(held: IO[bytes]) -> None:
    """Removes the file of a lock that is held, and closes it. Windows removes no open file. There
    another process may take the lock in between, and then removes the file itself.
    """
    path = Path(os.fsdecode(held.name))
    if os.name == "nt":
        held.close()
    with contextlib.suppress(FileNotFoundError, PermissionError):
        path.unlink()
    held.close()
