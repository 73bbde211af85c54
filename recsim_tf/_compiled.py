# SPDX-License-Identifier: Apache-2.0
"""The folder in which processes keep what XLA compiles, and the checksums of the programs.

The folder `RECSIM_TF_COMPILED` gets one subfolder, `recsim_tf_programs`, which only its owner can
read and write:

    key                        a secret of this subfolder, and the lock for changes of it
    NAME.pb.CHECKSUM           a program, and its checksum by the key
    process-*/NAME.pb          the programs that XLA reads and writes in one process
    process-*/lock             is locked while the process runs
"""

import atexit
import contextlib
import hmac
import os
import re
import stat
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from recsim_tf.support.files import no_link
from recsim_tf.support.locks import lock, release

_VARIABLE = "RECSIM_TF_COMPILED"
_SUBFOLDER = "recsim_tf_programs"
# A program that XLA has written as a whole: it writes under another name, and then renames.
_PROGRAM = re.compile(r"\w+__\d+__\d+__\w+\.pb")
_KEPT = re.compile(rf"({_PROGRAM.pattern})\.([0-9a-f]{{64}})")
_KEY_BYTES = 32
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def keep_compiled_programs() -> None:
    """Tells XLA to keep its programs in the folder `RECSIM_TF_COMPILED`, where that is set. XLA
    reads its flags when it first compiles.

    A damaged program would end the process that reads it. So each process gets its own folder with
    the programs whose checksums fit. New programs are moved from there and get their checksums when
    the process ends. The next process does that for a process that was killed. Only programs with a
    fitting checksum are ever removed, for newer ones of the same name. A warning names the folder
    where it cannot be used, and programs that are left out.
    """
    folder = os.environ.get(_VARIABLE)
    if not folder:
        return
    store = Path(folder).absolute() / _SUBFOLDER
    try:
        process, held, left_out = _open(store)
    except OSError as error:
        reason = error.strerror or error
        warnings.warn(
            f"{_VARIABLE}={folder} is not used, and programs are compiled anew: {reason}",
            stacklevel=2,
        )
        return
    if left_out:
        warnings.warn(
            f"{_VARIABLE}={folder} has {len(left_out)} programs whose checksums do not fit; they"
            f" are compiled anew, and may be deleted: {left_out[0]}",
            stacklevel=2,
        )
    flags = os.environ.get("TF_XLA_FLAGS", "")
    os.environ["TF_XLA_FLAGS"] = f"{flags} --tf_xla_persistent_cache_directory={process}".strip()
    atexit.register(_close, store, process, held, os.getpid())


def _open(store: Path) -> tuple[Path, IO[bytes], list[Path]]:
    """The folder of this process, its lock, and the programs that are left out."""
    if any(letter.isspace() for letter in str(store)):
        raise OSError("its name has a space, which XLA's flags cannot hold")
    store.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        store.mkdir(mode=0o700)
    status = store.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise OSError(f"{store} is not a folder")
    if not _is_own(status) or (os.name != "nt" and status.st_mode & _WRITABLE_BY_OTHERS):
        raise OSError(f"{store} must be owned by this user, and writable by nobody else")
    with _key_of(store) as key:
        for process in store.glob("process-*"):
            if (process / "lock").is_file() and not process.is_symlink():
                # A process that runs has its lock.
                with contextlib.suppress(BlockingIOError), lock(process / "lock") as held:
                    _collect(store, process, held, key)
        process = Path(tempfile.mkdtemp(prefix="process-", dir=store))
        held = lock(process / "lock")
        left_out = []
        for path in store.iterdir():
            name = _KEPT.fullmatch(path.name)
            program = _content(path) if name else None
            if name is None or program is None:
                continue
            if _is_kept(path, program, key):
                (process / name[1]).write_bytes(program)
            else:
                left_out.append(path)
    return process, held, left_out


def _close(store: Path, process: Path, held: IO[bytes], owner: int) -> None:
    """Collects the programs of this process, unless it is a fork of the owner."""
    if os.getpid() == owner:
        with contextlib.suppress(OSError), _key_of(store) as key, held:
            _collect(store, process, held, key)


def _collect(store: Path, process: Path, held: IO[bytes], key: bytes) -> None:
    """Moves the programs of a process into the store, and removes its folder if that is all."""
    # The import takes time, which only a process with the variable spends.
    from google.protobuf import empty_pb2, message

    for path in process.iterdir():
        program = _content(path) if _PROGRAM.fullmatch(path.name) else None
        try:
            # A machine that stops may leave a program that is empty or cut.
            if not program or not empty_pb2.Empty().ParseFromString(program):
                continue
        except message.DecodeError:
            continue
        target = store / f"{path.name}.{_checksum(path.name, program, key)}"
        path.replace(target)
        for earlier in store.glob(f"{path.name}.*"):
            content = _content(earlier)
            if earlier != target and content is not None and _is_kept(earlier, content, key):
                earlier.unlink()
    if {path.name for path in process.iterdir()} == {"lock"} and not _content(process / "lock"):
        release(held)
        process.rmdir()


@contextlib.contextmanager
def _key_of(store: Path) -> Iterator[bytes]:
    """The key of a store, which nobody else changes in this context."""
    path = store / "key"
    with lock(path, waits=True) as file:
        if not path.stat().st_size:
            file.write(os.urandom(_KEY_BYTES))
            file.flush()
        key = path.read_bytes()
        if len(key) != _KEY_BYTES:
            raise OSError(f"{path} is not a key of {_KEY_BYTES} bytes")
        yield key


def _content(path: Path) -> bytes | None:
    """The bytes of a file of this user; None if it is another's, a link or no file."""
    try:
        with open(path, "rb", opener=no_link) as file:
            status = os.fstat(file.fileno())
            return file.read() if stat.S_ISREG(status.st_mode) and _is_own(status) else None
    except OSError:
        return None


def _is_own(status: os.stat_result) -> bool:
    return os.name == "nt" or status.st_uid == os.getuid()


def _is_kept(path: Path, program: bytes, key: bytes) -> bool:
    """Is this a program that was kept under its name, with its content?"""
    name, _, checksum = path.name.rpartition(".")
    return hmac.compare_digest(checksum.encode(), _checksum(name, program, key).encode())


def _checksum(name: str, program: bytes, key: bytes) -> str:
    return hmac.digest(key, name.encode() + b"\0" + program, "sha256").hex()
