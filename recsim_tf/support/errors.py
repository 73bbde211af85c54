# SPDX-License-Identifier: Apache-2.0
"""Messages of errors as one line, with the line of a user's code that is at fault."""

import difflib
import errno
import os
import re
import sysconfig
import textwrap
import traceback
from collections.abc import Sequence
from pathlib import Path

# This width is enough for a sentence with its values.
_WIDTH = 400

# Additions of gin and TensorFlow to a message: the calls that an error came through, and places in
# a graph. tests/command_line/test_mistakes.py has each addition in the form of the installed
# versions.
_ADDED = re.compile(
    r"\n  (In call to configurable|In file|In bindings string|No values supplied by Gin) (?s:.*)"
    r"|Graph execution error:|Detected at node .* defined at .*|\n  File .*"
    r"|\{\{function_node .*?\}\}|\[\[\{\{node .*?\}\}\]\]|\[Op:\w+\]( name: \w*)?"
)
_ASSERTED = re.compile(r"^assertion failed: \[(.*?)\]")

# Faults of the machine, and their remedies.
_STORAGE = {
    number: f"{remedy}, then run the same command to go on"
    for numbers, remedy in (
        ((errno.ENOSPC, errno.EDQUOT), "make room on the disk"),
        ((errno.EIO, errno.ESTALE), "see that the disk works"),
        ((errno.EROFS, errno.EACCES, errno.EPERM), "make it writable or choose another folder"),
    )
    for number in numbers
}
# Types whose message is enough where no line of a user's code is at fault.
OF_VALUES = (ValueError, TypeError, RuntimeError, OSError)


class UsageError(ValueError):
    """Bad input. The message is one line that names the argument and the allowed values."""


class ModelWarning(UserWarning):
    """A warning of a probable fault of a model. It is one line, which commands print too."""


def one_line(error: BaseException) -> str:
    """The message of an error in one line, without control characters and libraries' additions."""
    return printable(_ASSERTED.sub(r"\1", " ".join(_ADDED.sub("", str(error)).split())))


def printable(text: str) -> str:
    """A text that a terminal can show, with control characters and lone surrogates escaped."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def printable_lines(text: str) -> str:
    """A text as from `printable`, but with its line breaks, for pages and other documents."""
    return "\n".join(map(printable, text.split("\n")))


def instead(name: str, names: Sequence[str], otherwise: str = "") -> str:
    """Advice for an unknown name, which is the nearest known name.

    Args:
      name: the unknown name.
      names: the known names.
      otherwise: the advice if no name is near; by default all known names are listed.
    """
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.7)
    if nearest:
        return f"did you mean {nearest[0]}?"
    return otherwise or f"choose one of {', '.join(names)}"


def error_line(error: BaseException) -> str:
    """An error for its user, in one line.

    The message of a fault in a user's code begins with its file and line, and has the type of the
    error. A refusal by recsim_tf or TensorFlow has no type.
    """
    where, message, kind = fault_location(error), one_line(error), type(error).__name__
    is_of_tensorflow = type(error).__module__.startswith("tensorflow.")
    if isinstance(error, OSError) and error.errno in _STORAGE and error.filename is not None:
        return f"{error.filename}: {error.strerror}; {_STORAGE[error.errno]}"
    if isinstance(error, SyntaxError):
        message = f"{kind}: {error.msg or message}"
    elif not (_is_of_recsim_tf(error) or is_of_tensorflow) and (
        where or not isinstance(error, OF_VALUES)
    ):
        message = f"{kind}: {message}" if message else kind
    if not _is_of_recsim_tf(error):
        message = textwrap.shorten(message, _WIDTH, placeholder=" ...")
    # The message may already hold the place, if it comes from an earlier error.
    return message if where is None or where in message else f"{where}: {message}"


def location(file: str, line: int | None = None) -> str:
    """A file and a line in it. A file below the current folder has a relative path."""
    path = os.path.relpath(file)
    path = file if path.startswith(os.pardir) else path
    return path if line is None else f"{path}, line {line}"


def fault_location(error: BaseException) -> str | None:
    """The deepest line of a user's code that an error, or an earlier error, came through."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        # The tokenizer of Python 3.12 reads text that it names <string>.
        is_file = not error.filename.startswith("<")
        return location(error.filename, error.lineno) if is_file else None
    frames = traceback.walk_tb(error.__traceback__)
    places = [(frame.f_code.co_filename, line) for frame, line in frames]
    places = [(file, line) for file, line in places if _is_users(file)]
    if places:
        return location(*places[-1])
    # gin replaces each error by a new error without a cause.
    earlier = error.__cause__ or error.__context__
    return None if earlier is None else fault_location(earlier)


_PACKAGE = Path(__file__).parents[1]
_OURS = tuple(
    f"{folder}{os.sep}"
    for folder in (_PACKAGE, _PACKAGE.resolve(), (_PACKAGE / "agents").resolve())
)
_LIBRARIES = tuple(
    f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib", "purelib", "platlib")
)


def _is_users(file: str) -> bool:
    """True if a file is a user's: not of recsim_tf or another package, and not generated."""
    return not (
        file.startswith(("<", *_OURS, *_LIBRARIES))
        or {"site-packages", "dist-packages"} & set(Path(file).parts)
        or Path(file).name.startswith("__autograph_generated_file")
    )


def _is_of_recsim_tf(error: BaseException) -> bool:
    """True if recsim_tf raised an error to refuse a value."""
    if not isinstance(error, (ValueError, TypeError)):
        return False
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(files) and files[-1].startswith(_OURS)
