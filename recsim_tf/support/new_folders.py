# SPDX-License-Identifier: Apache-2.0
"""New folders that processes may write under one name, and removal of killed processes' files."""

import contextlib
import errno
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from recsim_tf.support.files import UNFINISHED, remove, storing, unfinished
from recsim_tf.support.locks import lock, release

# The ends of the names of such folders while they are written, and of the locks beside them.
_SHARED = re.compile(rf"\.[0-9a-f]{{8}}{re.escape(UNFINISHED)}")
_SHARED_LOCK = re.compile(rf"\.[0-9a-f]{{8}}\.lock{re.escape(UNFINISHED)}")
# Errors of a rename of a folder to a name that is taken.
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)


def require_new(folder: Path) -> None:
    """Raises a FileExistsError for a folder that has something in it, and for a file."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise FileExistsError(f"folder must be new or empty, got {folder}")


@contextlib.contextmanager
def unfinished_folder(path: Path) -> Iterator[Path]:
    """A context with a new folder beside `path`, which `publish` renames to `path`. Otherwise it is
    removed at the end. Several processes may write such folders for the same `path`. The folders of
    killed processes are removed. The parent folder must exist. Raises an OSError if it cannot be
    written; the message names the folder.
    """
    with storing(path):
        for neighbour in path.parent.iterdir():
            ending = neighbour.name.removeprefix(path.name)
            if _SHARED.fullmatch(ending) or _SHARED_LOCK.fullmatch(ending):
                _remove_abandoned(neighbour)
        temporary, held = _locked_folder(path)
        try:
            yield temporary
        finally:
            remove(temporary)
            release(held)


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


def _locked_folder(path: Path) -> tuple[Path, IO]:
    """A new folder beside `path`, and a lock of it."""
    while True:
        folder = unfinished(path.with_name(f"{path.name}.{secrets.token_hex(4)}"))
        # Another process may take the lock for abandoned before it is held.
        with contextlib.suppress(BlockingIOError):
            held = lock(_lock_of(folder))
            folder.mkdir()
            return folder, held


def _lock_of(folder: Path) -> Path:
    """The lock of an unfinished folder. It is beside the folder, since Windows renames no folder
    that has an open file.
    """
    return unfinished(folder.with_name(folder.name.removesuffix(UNFINISHED) + ".lock"))


def sweep(folder: Path) -> None:
    """Removes the unfinished files and folders of killed processes, in a folder and below it."""
    for path in sorted(folder.rglob(f"*{UNFINISHED}")):
        inside = path.relative_to(folder).parts[:-1]
        if not any(name.endswith(UNFINISHED) for name in inside):
            _remove_abandoned(path)


def _remove_abandoned(path: Path) -> None:
    """Removes an unfinished file or folder, unless another process is writing it."""
    is_lock = _SHARED_LOCK.search(path.name) is not None
    if path.is_symlink() or not (is_lock or (path.is_dir() and _SHARED.search(path.name))):
        remove(path)
        return
    lock_path = path if is_lock else _lock_of(path)
    folder = unfinished(path.with_name(path.name.removesuffix(f".lock{UNFINISHED}")))
    with contextlib.suppress(FileNotFoundError, BlockingIOError):
        held = lock(lock_path)
        try:
            remove(folder if is_lock else path)
        finally:
            release(held)
