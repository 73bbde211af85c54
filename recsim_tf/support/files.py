# SPDX-License-Identifier: Apache-2.0
"""Files and folders that appear complete or not at all, and readers of small files."""

import contextlib
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any, TypeVar

T = TypeVar("T")

# Windows has neither flag.
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
# The end of the names of unfinished files, which are removed after a kill.
UNFINISHED = ".new"


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A context with a name for a new file, which replaces `path` in one step at the end. After an
    error `path` is unchanged. The folder must exist, so its removal during a run is an error.
    Raises an OSError if it cannot be written; the message names the file.
    """
    with _replacing(path) as temporary:
        yield temporary
        os.replace(temporary, path)


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A context with a new folder, which replaces `path` at the end. After an error `path` is
    unchanged. The parent folder must exist, and no other process may write `path`. Raises an
    OSError if it cannot be written; the message names the folder.
    """
    with _replacing(path) as temporary:
        temporary.mkdir()
        yield temporary
        old = _aside(path)
        is_replaced = path.is_symlink() or path.exists()
        if is_replaced:
            remove(old)
            path.rename(old)
        try:
            os.rename(temporary, path)
        except BaseException:
            if is_replaced:
                old.rename(path)
            raise
        remove(old)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A context with the unfinished name of a path, which is free, also after an error."""
    temporary = unfinished(path)
    with storing(path):
        # A link or a named pipe may have that name in a folder of another user.
        remove(temporary)
        try:
            yield temporary
        except BaseException:
            remove(temporary)
            raise


def unfinished(path: Path) -> Path:
    """The name of a file or a folder while it is written."""
    return path.with_name(path.name + UNFINISHED)


def remove(path: Path) -> None:
    """Removes a file, a link, or a folder, which disappears in one step. It may be absent."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    if not path.name.endswith(UNFINISHED):
        path = path.rename(_aside(path))
    shutil.rmtree(path)


def _aside(path: Path) -> Path:
    """The name of a file or a folder while it is removed or replaced."""
    return unfinished(path.with_name(path.name + ".old"))


def require_writable(folder: Path) -> None:
    """Creates a folder, and tries to write to it, without leaving a file. Raises an OSError if that
    is not possible; the message names the folder.
    """
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()


@contextlib.contextmanager
def storing(path: Path) -> Iterator[None]:
    """A context that turns errors of files, also TensorFlow's, into `OSError`s with the name."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    except Exception as error:
        message = str(getattr(error, "message", ""))  # Errors of TensorFlow have a message.
        number = _ERRORS.get(message.rpartition("; ")[2])
        if number is not None:
            raise OSError(number, os.strerror(number), str(path)) from error
        if str(path.parent) in message:
            raise OSError(f"cannot write {path}: {message}") from error
        raise


# Error numbers by the text with which TensorFlow ends its messages.
_ERRORS = {os.strerror(number): number for number in errno.errorcode}


def write_text(path: Path, text: str) -> None:
    """Replaces a file in one step, so that a kill leaves the old or the new file."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Replaces a JSON file in one step."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_csv(path: Path, table: Any) -> None:
    """Replaces a CSV file by a DataFrame of pandas in one step."""
    with whole_file(path) as new:
        # A float32 needs nine digits to be read back bit for bit.
        table.to_csv(new, index=False, float_format="%.9g", lineterminator="\n")


def no_link(path: str, flags: int) -> int:
    """An opener for `open` that follows no link, and does not wait for the other end of a named
    pipe. It is for files to append to or to lock in a folder that another user may have made.
    Raises an OSError if the file is a link or cannot be opened; the message names the file.
    """
    try:
        return os.open(path, flags | _NO_FOLLOW, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(f"{path} is a link, which is not followed: remove it") from error
        raise


def append_json(path: Path, row: dict[str, Any]) -> None:
    """Adds a line to a file of JSON lines."""
    with storing(path), open(path, "a", encoding="utf-8", opener=no_link) as file:
        file.write(json.dumps(row) + "\n")


def read_text(path: Path, advice: str) -> str:
    """The text of a file in UTF-8. Arguments and errors are as in `read_json`."""
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is damaged, it is not a file: {advice}")
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is damaged, it is not UTF-8: {advice}") from error


def read_json(path: Path, record: Callable[..., T], advice: str) -> T:
    """The record that a JSON file holds.

    Args:
      path: the file.
      record: a function that makes the record from the names and values of the file, such as a
        dataclass, or `dict` for any names. It raises an error if a value is missing or has the
        wrong type.
      advice: the advice for a damaged file, such as "restore it".

    Raises:
      FileNotFoundError: if there is no such file.
      ValueError: if it is damaged.
    """
    return _parsed(read_text(path, advice), str(path), record, advice)


def read_json_lines(path: Path, record: Callable[..., T], advice: str) -> list[T]:
    """The records of JSON lines, without a last line that a kill left; see `read_json`."""
    *whole, _ = read_text(path, advice).split("\n")
    return [
        _parsed(line, f"{path}, line {number}", record, advice)
        for number, line in enumerate(whole, start=1)
    ]


def require_numbers(values: Mapping[str, Any]) -> None:
    """Requires that all values are numbers or None, or dictionaries of such values.

    Raises:
      TypeError: for a value that is not allowed.
      OverflowError: for a number that no float can hold.
    """
    for name, value in values.items():
        if isinstance(value, Mapping):
            require_numbers(value)
        elif value is not None and not isinstance(value, int | float):
            raise TypeError(f"{name} must be a number, got {value!r}")
        else:
            float(value or 0)


def _parsed(text: str, where: str, record: Callable[..., T], advice: str) -> T:
    try:
        return record(**json.loads(text))
    except Exception as error:  # A record of other content can raise anything.
        reason = shorten(f"{type(error).__name__}: {error}", 200)
        raise ValueError(f"{where} is damaged ({reason}): {advice}") from error
