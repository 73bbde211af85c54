"""What becomes of an impossible value."""

import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

import recsim_tf
from recsim_tf.errors import one_line

_PACKAGE = Path(recsim_tf.__file__).parent
_OURS = (str(_PACKAGE), str((_PACKAGE / "agents").resolve()))
# What gin adds to the message of an error.
_ADDED_BY_GIN = re.compile(r"\n  (In call to configurable|No values supplied by Gin).*", re.DOTALL)
# What `recsim_tf.check` names: a method of a model, or what a user is rewarded by.
_PLACE = re.compile(r"^(\w+\.\w+|reward_fn)(:| must| and) ")

REFUSED, ALLOWED, SILENT, BELOW = "refused", "allowed", "silent", "from below"


class Case(NamedTuple):
    """An impossible value of an argument."""

    subject: str  # what has the argument, such as "InterestEvolution-v1"
    argument: str
    fault: str
    is_never_right: bool
    shown: str  # the value
    # gives what must be finite; raises where the value is refused
    use: Callable[[], Any]


class Outcome(NamedTuple):
    """What became of it."""

    kind: str
    message: str


def outcome(case: Case) -> Outcome:
    """Runs a case."""
    try:
        result = case.use()
    except Exception as error:
        return _of_error(case, error)
    wrong = _not_finite(result)
    if wrong:
        return Outcome(SILENT, f"not finite: {wrong}")
    if case.is_never_right:
        return Outcome(SILENT, "taken as if it were right")
    return Outcome(ALLOWED, "")


def _of_error(case: Case, error: Exception) -> Outcome:
    message = _ADDED_BY_GIN.sub("", str(error))
    name = case.argument.rpartition(".")[2]
    is_clear = (
        isinstance(error, ValueError | TypeError)
        and _is_of_recsim_tf(error)
        and "\n" not in message
        and (name in message or _PLACE.match(message))
    )
    return Outcome(REFUSED if is_clear else BELOW, f"{type(error).__name__}: {one_line(error)}")


def _is_of_recsim_tf(error: BaseException) -> bool:
    """Whether recsim_tf raised it, in words of its own and not those of an error from below."""
    frames = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    if not (frames and frames[-1].startswith(_OURS)):
        return False
    cause = error.__cause__
    return cause is None or _is_of_recsim_tf(cause) or one_line(cause)[:40] not in str(error)


def _not_finite(result: Any) -> str:
    """The first part of a nest that is not finite, and a number of it."""
    for index, leaf in enumerate(tf.nest.flatten(result)):
        array = np.asarray(leaf)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return f"{array[~np.isfinite(array)].flat[0]} in part {index}"
    return ""
