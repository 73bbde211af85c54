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

_VARIABLE = "RECSIM_TF_COMPILED"
_SUBFOLDER = "recsim_tf_programs"
# A program that XLA has written as a whole: it writes under another name, and then renames.
_PROGRAM = re.compile(r"\w+__\d+__\d+__\w+\.pb")
_KEPT = re.compile(rf"({_PROGRAM.pattern})\.([0-9a-f]{{64}})")
_KEY_BYTES = 32


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
        process, lock, left_out = _open(store)
    except (ImportError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
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
    atexit.register(_close, store, process, lock, os.getpid())


def _open(store: Path) -> tuple[Path, int, list[Path]]:
    """The folder of this process, its lock, and the programs that are left out."""
    if any(letter.isspace() for letter in str(store)):
        raise OSError("its name has a space, which XLA's flags cannot hold")
    store.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        store.mkdir(mode=0o700)
    status = store.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise OSError(f"{store} is not a folder")
    if status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise OSError(f"{store} must be owned by this user, and writable by nobody else")
    with _key_of(store) as key:
        for process in store.glob("process-*"):
            if not process.is_symlink():
                _collect_of_killed(store, process, key)
        process = Path(tempfile.mkdtemp(prefix="process-", dir=store))
        lock = _locked(process / "lock", os.O_CREAT | os.O_EXCL, wait=False)
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
    return process, lock, left_out


def _close(store: Path, process: Path, lock: int, owner: int) -> None:
    """Collects the programs of this process, unless it is a fork of the owner."""
    if os.getpid() == owner:
        with contextlib.suppress(OSError):
            with _key_of(store) as key:
                _collect(store, process, key)
            os.close(lock)


def _collect_of_killed(store: Path, process: Path, key: bytes) -> None:
    """Collects the programs of a process that no longer runs."""
    try:
        lock = _locked(process / "lock", 0, wait=False)
    except OSError:  # The process runs, or this is no folder of a process.
        return
    try:
        _collect(store, process, key)
    finally:
        os.close(lock)


def _collect(store: Path, process: Path, key: bytes) -> None:
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
        (process / "lock").unlink()
        process.rmdir()


@contextlib.contextmanager
def _key_of(store: Path) -> Iterator[bytes]:
    """The key of a store, which nobody else changes in this context."""
    file = _locked(store / "key", os.O_CREAT, wait=True)
    try:
        if not os.fstat(file).st_size:
            os.write(file, os.urandom(_KEY_BYTES))
        key = os.pread(file, _KEY_BYTES + 1, 0)
        if len(key) != _KEY_BYTES:
            raise OSError(f"{store / 'key'} is not a key of {_KEY_BYTES} bytes")
        yield key
    finally:
        os.close(file)


def _locked(path: Path, flags: int, wait: bool) -> int:
    """An open, locked file. Closing it ends the lock, and so does the end of the process. Raises an
    OSError if `wait` is false and another process has the lock.
    """
    import fcntl  # Missing on Windows.

    file = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | flags, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(file)
        raise
    return file


def _content(path: Path) -> bytes | None:
    """The bytes of a file of this user; None if it is another's, a link or no file."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            is_own = stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid()
            return file.read() if is_own else None
    except OSError:
        return None


def _is_kept(path: Path, program: bytes, key: bytes) -> bool:
    """Is this a program that was kept under its name, with its content?"""
    name, _, checksum = path.name.rpartition(".")
    return hmac.compare_digest(checksum.encode(), _checksum(name, program, key).encode())


def _checksum(name: str, program: bytes, key: bytes) -> str:
    return hmac.digest(key, name.encode() + b"\0" + program, "sha256").hex()
