"""Logs as arguments: a log, or the result of a reader that contains a log."""

from typing import Any

from recsim_tf.logs.log import Log
from recsim_tf.support.errors import UsageError


def log_of(name: str, given: Any, kind: Any = Log, allowed: str = "a Log") -> Any:
    """The log of an argument that is a log, or a result of a reader with a field `log`. Raises a
    UsageError if the argument has no log of type `kind`.
    """
    log = given if isinstance(given, kind) else getattr(given, "log", None)
    if not isinstance(log, kind):
        got = type(given).__name__
        reader = {"DataFrame": "from_table", "Trajectory": "from_trajectory"}.get(got)
        advice = f": logs.{reader} makes a log of it" if reader else ""
        raise UsageError(f"{name} must be {allowed}, or the result of a reader, got {got}{advice}")
    return log
