"""The messages of errors, in one line, with the line of a user's own code that is at fault."""

import difflib
import errno
import os
import re
import sysconfig
import textwrap
import traceback
from collections.abc import Sequence
from pathlib import Path

# Long enough for a sentence with the values that it is about.
_WIDTH = 400

# Additions of gin and TensorFlow to a message: the calls that an error came through, and places in
# a graph. tests/command_line/test_mistakes.py has each of them as the installed versions write it.
_ADDED = re.compile(
    r"\n  (In call to configurable|In file|In bindings string|No values supplied by Gin) (?s:.*)"
    r"|Graph execution error:|Detected at node .* defined at .*|\n  File .*"
    r"|\{\{function_node .*?\}\}|\[\[\{\{node .*?\}\}\]\]|\[Op:\w+\]( name: \w*)?"
)
_ASSERTED = re.compile(r"^assertion failed: \[(.*?)\]")

# Faults of the machine, and what to do.
_STORAGE = {
    number: f"{remedy}, then run the same command to go on"
    for numbers, remedy in (
        ((errno.ENOSPC, errno.EDQUOT), "make room on the disk"),
        ((errno.EIO, errno.ESTALE), "see that the disk works"),
        ((errno.EROFS, errno.EACCES, errno.EPERM), "make it writable or choose another folder"),
    )
    for number in numbers
}
# Types whose message says enough where no line of a user's code is at fault.
OF_VALUES = (ValueError, TypeError, RuntimeError, OSError)


class UsageError(ValueError):
    """Bad input. The message is one line that names the argument and what is allowed."""


class ModelWarning(UserWarning):
    """What is probably wrong with a model; one line, which commands print too."""


def one_line(error: BaseException) -> str:
    """The message of an error without line breaks, control characters, and additions of gin and
    TensorFlow.
    """
    return printable(_ASSERTED.sub(r"\1", " ".join(_ADDED.sub("", str(error)).split())))


def printable(text: str) -> str:
    """A text as a terminal can show it: control characters and lone surrogates are escaped."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def instead(name: str, names: Sequence[str], otherwise: str = "") -> str:
    """Advice for an unknown name: the nearest that is known.

    Args:
      name: the unknown one.
      names: the known ones.
      otherwise: what to do if none is near; by default all known ones are listed.
    """
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.7)
    if nearest:
        return f"did you mean {nearest[0]}?"
    return otherwise or f"choose one of {', '.join(names)}"


def error_line(error: BaseException) -> str:
    """An error for its user, in one line.

    A fault in a user's own code begins with its file and line, and has the type of the error. What
    recsim_tf or TensorFlow refuses has no type.
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
    # An error that another one led to may hold the place of that one.
    return message if where is None or where in message else f"{where}: {message}"


def location(file: str, line: int | None = None) -> str:
    """A file, and a line in it; the file is named from the current folder where it is inside."""
    path = os.path.relpath(file)
    path = file if path.startswith(os.pardir) else path
    return path if line is None else f"{path}, line {line}"


def fault_location(error: BaseException) -> str | None:
    """The deepest line of a user's own code that an error came through, or one that led to it."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        # The tokenizer of Python 3.12 reads text that it names <string>.
        is_file = not error.filename.startswith("<")
        return location(error.filename, error.lineno) if is_file else None
    frames = traceback.walk_tb(error.__traceback__)
    places = [(frame.f_code.co_filename, line) for frame, line in frames]
    places = [(file, line) for file, line in places if _is_users(file)]
    if places:
        return location(*places[-1])
    # gin raises an error of its own in place of each, without a cause.
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
    """Whether a file is neither of recsim_tf, nor of another package, nor generated."""
    return not (
        file.startswith(("<", *_OURS, *_LIBRARIES))
        or {"site-packages", "dist-packages"} & set(Path(file).parts)
        or Path(file).name.startswith("__autograph_generated_file")
    )


def _is_of_recsim_tf(error: BaseException) -> bool:
    """Whether recsim_tf raised it, as it refuses a value."""
    if not isinstance(error, (ValueError, TypeError)):
        return False
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(files) and files[-1].startswith(_OURS)
