"""The folder in which XLA keeps compiled programs, and the checksums of the programs."""

import atexit
import contextlib
import hashlib
import os
import tempfile
import warnings
from pathlib import Path

_VARIABLE = "RECSIM_TF_COMPILED"
_CHECKSUM = ".sha256"
# The end of the names under which XLA writes.
_HALF = ".tmp"


def keep_compiled_programs() -> None:
    """Tells XLA to keep its programs in the folder `RECSIM_TF_COMPILED`, where that is set. XLA
    reads its flags when it first compiles.

    A damaged program would end the process that reads it. So a program whose checksum is missing or
    another one is removed first. A process records checksums when it ends. A warning names the
    folder where it cannot be used, and where programs were removed.
    """
    folder = os.environ.get(_VARIABLE)
    if not folder:
        return
    path = Path(folder).absolute()
    try:
        if any(letter.isspace() for letter in str(path)):
            raise OSError("its name has a space, which XLA's flags cannot hold")
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
        removed = _remove_damaged(path)
    except OSError as error:
        reason = error.strerror or error
        warnings.warn(
            f"{_VARIABLE}={folder} is not used, and programs are compiled anew: {reason}",
            stacklevel=2,
        )
        return
    if removed:
        warnings.warn(
            f"{_VARIABLE}={folder} had {removed} programs that were damaged, or of a process that"
            " was killed; they are compiled anew",
            stacklevel=2,
        )
    flags = os.environ.get("TF_XLA_FLAGS", "")
    os.environ["TF_XLA_FLAGS"] = f"{flags} --tf_xla_persistent_cache_directory={path}".strip()
    atexit.register(_record_checksums, path)


def _remove_damaged(folder: Path) -> int:
    """Removes programs without their checksum, and returns their number."""
    removed = 0
    for program in _programs(folder):
        checksum = _checksum_of(program)
        if not checksum.is_file() or checksum.read_text("utf-8", "replace") != _digest(program):
            program.unlink(missing_ok=True)
            checksum.unlink(missing_ok=True)
            removed += 1
    return removed


def _record_checksums(folder: Path) -> None:
    with contextlib.suppress(OSError):
        for program in _programs(folder):
            if not _checksum_of(program).exists():
                _checksum_of(program).write_text(_digest(program), "utf-8")


def _programs(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.iterdir()
        if path.is_file() and not path.name.endswith((_CHECKSUM, _HALF))
    ]


def _checksum_of(program: Path) -> Path:
    return program.with_name(program.name + _CHECKSUM)


def _digest(program: Path) -> str:
    return hashlib.sha256(program.read_bytes()).hexdigest()
