"""A bad input, and what became of it."""

import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tree

import recsim_tf

_PACKAGE = Path(recsim_tf.__file__).parent
_OURS = tuple(
    f"{folder}{os.sep}"
    for folder in (_PACKAGE, _PACKAGE.resolve(), (_PACKAGE / "agents").resolve())
)

# What may become of an input. Only the first two are good.
CLEAR, SAME, UNCLEAR, BELOW, SILENT = "clear", "same content", "unclear", "from below", "silent"


class Case(NamedTuple):
    """One bad input."""

    kind: str  # what was done, for the table
    name: str  # what exactly
    read: Callable[[], Any]  # gives the content that was read, a nest of arrays and text
    named: tuple[str, ...]  # the message must have one of these: the file or the argument


class ToldError(Exception):
    """What the project tells of a bad input where it goes on, as a sweep does with a trial."""


def judged(case: Case, reference: Any) -> tuple[str, str]:
    """What became of a case, and the message.

    Args:
      case: the case.
      reference: the content of the whole input; a case that gives the same is no bad input.
    """
    try:
        content = case.read()
    except (Exception, SystemExit) as error:
        return _judged_error(error, case.named), f"{type(error).__name__}: {error}"[:300]
    return (SAME if reference is not None and _same(content, reference) else SILENT), ""


def _judged_error(error: BaseException, named: tuple[str, ...]) -> str:
    if isinstance(error, ToldError):
        return CLEAR if _is_clear(error, named) else UNCLEAR
    frames = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    if not (frames[-1].startswith(_OURS) and isinstance(error, (ValueError, TypeError, OSError))):
        return BELOW
    return CLEAR if _is_clear(error, named) else UNCLEAR


def _is_clear(error: BaseException, named: tuple[str, ...]) -> bool:
    """Whether its message is one line with one of the names; gin adds lines of its own."""
    message = str(error).partition("\n  In call to configurable")[0]
    return "\n" not in message and any(name in message for name in named)


def _same(one: Any, other: Any) -> bool:
    """Whether two contents are equal bit for bit."""
    try:
        tree.assert_same_structure(one, other)
    except (TypeError, ValueError):
        return False
    return all(
        _bits(leaf) == _bits(other_leaf)
        for leaf, other_leaf in zip(tree.flatten(one), tree.flatten(other), strict=True)
    )


def _bits(leaf: Any) -> Any:
    if isinstance(leaf, (str, bytes, type(None))):
        return leaf
    array = np.asarray(leaf)
    content = array.tolist() if array.dtype == object else array.tobytes()
    return array.dtype, array.shape, content
