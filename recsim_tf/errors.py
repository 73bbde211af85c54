"""The messages of errors, in one line, with the line of a user's own code that is at fault."""

import errno
import itertools
import os
import re
import sysconfig
import textwrap
import traceback
from collections.abc import Iterator
from pathlib import Path

# Long enough for a sentence with the values that it is about.
_WIDTH = 400

# What libraries add to a message: gin its calls; TensorFlow its nodes, and advice for graphs.
_ADDED = re.compile(
    r"\n  In call to configurable .*"
    r"|\n  In (file \"|bindings string line ).*"
    r"|\n  No values supplied by Gin .*"
    r"| You can attempt the following resolutions to the problem.*"
    r"|\n\nCall arguments received by layer .*"
    r"|^Exception encountered when calling layer [^\n]*\n\n"
    r"|^Graph execution error:"
    r"|\n?Detected at node [^\n]* defined at [^\n]*"
    r'|\n  File "[^\n]*'
    r"|\{\{function_node [^}]*\}\}"
    r"|\s*\[\[\{\{node [^}]*\}\}\]\]"
    r"|\s*\[Op:\w+\]( name: \w*)?"
    r"| for '\{\{node [^']*'",
    re.DOTALL,
)
_REQUIRED = re.compile(r"Required bindings for `(.*?)` not provided in config: \[(.*?)\]")
_ASSERTED = re.compile(r"^assertion failed: \[(.*?)\]")
# Traces that TensorFlow writes into messages: of an operation from the start of the program on, and
# of a user's `tf.function` or Keras layer, in which the innermost error comes last.
_FILE = re.compile(r'File "([^"]+)", line (\d+), in')
_GENERATED = "in user code:\n"
_RAISED = re.compile(r"^ +\w+(?:Error|Exception): (.*)$", re.MULTILINE)

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


def one_line(error: BaseException) -> str:
    """The message of an error without line breaks, and without what gin and TensorFlow add to it:
    calls, nodes and traces.
    """
    message = str(error)
    if _GENERATED in message:
        message = [message, *_RAISED.findall(message)][-1]
    message = " ".join(_ADDED.sub("", message).split())
    message = _ASSERTED.sub(r"\1", message)
    return _REQUIRED.sub(_required, message)


def _required(found: re.Match) -> str:
    names = ", ".join(f"{found[1]}.{name}" for name in re.findall(r"\w+", found[2]))
    return f"the configuration must give a value to {names}"


def told(error: BaseException) -> str:
    """An error for its user, in one line.

    A fault in a user's own code begins with its file and line, and has the type of the error. What
    recsim_tf or TensorFlow refuses has no type.
    """
    where, message, kind = place(error), one_line(error), type(error).__name__
    if isinstance(error, OSError) and error.errno in _STORAGE and error.filename is not None:
        return f"{error.filename}: {error.strerror}; {_STORAGE[error.errno]}"
    if isinstance(error, SyntaxError):
        message = f"{kind}: {error.msg or message}"
    elif not (_is_of_recsim_tf(error) or _is_of_tensorflow(error)) and (
        where or not isinstance(error, OF_VALUES)
    ):
        message = f"{kind}: {message}" if message else kind
    if not _is_of_recsim_tf(error):
        message = textwrap.shorten(message, _WIDTH, placeholder=" ...")
    # An error that another one led to may hold the place of that one.
    return message if where is None or where in message else f"{where}: {message}"


def at(file: str, line: int | None = None) -> str:
    """A file, and a line in it; the file is named from the current folder where it is inside."""
    path = os.path.relpath(file)
    path = file if path.startswith(os.pardir) else path
    return path if line is None else f"{path}, line {line}"


def place(error: BaseException) -> str | None:
    """The deepest line of a user's own code that an error came through, or one that led to it."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        # The tokenizer of Python 3.12 reads text that it names <string>.
        is_file = not error.filename.startswith("<")
        return at(error.filename, error.lineno) if is_file else None
    places = [place for place in _trace(error) if _is_users(place[0])]
    if places:
        return at(*places[-1])
    # gin raises an error of its own in place of each, without a cause.
    earlier = error.__cause__ or error.__context__
    return None if earlier is None else place(earlier)


def _trace(error: BaseException) -> Iterator[tuple[str, int]]:
    """Files and lines that an error came through, the deepest last."""
    for frame, line in traceback.walk_tb(error.__traceback__):
        yield frame.f_code.co_filename, line
    message = str(error)
    inner = _FILE.findall(message)
    if _GENERATED not in message:
        # Before recsim_tf is the program that started it.
        inner = list(itertools.dropwhile(lambda place: not place[0].startswith(_OURS), inner))
    for file, line in inner:
        yield file, int(line)


_PACKAGE = Path(__file__).parent
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


def _is_of_tensorflow(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] == "tensorflow"
