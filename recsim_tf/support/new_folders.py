"""New folders that processes may write under one name, and removal of killed processes' files."""

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from recsim_tf.support.files import UNFINISHED, remove, storing, unfinished

# The end of the names of such folders while they are written.
_SHARED = re.compile(rf"\.[0-9a-f]{{8}}{re.escape(UNFINISHED)}")
# Errors of a rename of a folder to a name that is taken.
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)


@contextlib.contextmanager
def unfinished_folder(path: Path) -> Iterator[Path]:
    """A context with a new folder beside `path`, which `publish` renames to `path`. Otherwise it is
    removed at the end. Several processes may write such folders for the same `path`. The folders of
    killed processes are removed. The parent folder must exist. Raises an OSError if it cannot be
    written; the message names the folder.
    """
    with storing(path):
        for neighbour in path.parent.iterdir():
            if _SHARED.fullmatch(neighbour.name.removeprefix(path.name)):
                _remove_abandoned(neighbour)
        temporary, lock = _locked_folder(path)
        try:
            yield temporary
        finally:
            remove(temporary)
            os.close(lock)


def publish(folder: Path, path: Path, numbered: bool = False) -> Path:
    """Renames a folder to a name that is free, or the name of an empty folder, in one step.

    Args:
      folder: a folder from `unfinished_folder`.
      path: the new name.
      numbered: whether a number is added to a name that is taken.

    Returns:
      The renamed folder.

    Raises:
      FileExistsError: if the name is taken. Both paths are then unchanged.
    """
    target, number = path, 1
    while True:
        try:
            return folder.rename(target)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            if not numbered:
                raise FileExistsError(f"{path} exists, name a new folder") from error
        number += 1
        target = path.with_name(f"{path.name}-{number}")


def _locked_folder(path: Path) -> tuple[Path, int]:
    """A new folder beside `path`, and a lock on it."""
    while True:
        folder = unfinished(path.with_name(f"{path.name}.{secrets.token_hex(4)}"))
        folder.mkdir()
        # Another process may take the folder for abandoned before it is locked.
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            return folder, _lock(folder)


def _lock(folder: Path) -> int:
    """A descriptor that locks a folder until it is closed or the process ends.

    Raises:
      FileNotFoundError: if the folder has been renamed or removed.
      BlockingIOError: if another process has locked the folder.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        folder.lstat()
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def sweep(folder: Path) -> None:
    """Removes the unfinished files and folders of killed processes, in a folder and below it."""
    for path in sorted(folder.rglob(f"*{UNFINISHED}")):
        inside = path.relative_to(folder).parts[:-1]
        if not any(name.endswith(UNFINISHED) for name in inside):
            _remove_abandoned(path)


def _remove_abandoned(path: Path) -> None:
    """Removes an unfinished file or folder, unless another process is writing it."""
    if path.is_symlink() or not (path.is_dir() and _SHARED.search(path.name)):
        remove(path)
        return
    with contextlib.suppress(FileNotFoundError, BlockingIOError):
        lock = _lock(path)
        try:
            shutil.rmtree(path)
        finally:
            os.close(lock)
