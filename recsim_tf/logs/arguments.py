"""Logs as arguments: alone, or with what else a reader gives."""

from typing import Any

from recsim_tf.logs.log import Log
from recsim_tf.support.errors import UsageError


def log_of(name: str, given: Any, kind: Any = Log, allowed: str = "a Log") -> Any:
    """The log that an argument is, or that a reader gives with what else it read.

    Raises:
      UsageError: for anything but a log of a kind.
    """
    log = given if isinstance(given, kind) else getattr(given, "log", None)
    if not isinstance(log, kind):
        got = type(given).__name__
        reader = {"DataFrame": "from_table", "Trajectory": "from_trajectory"}.get(got)
        advice = f": logs.{reader} makes a log of it" if reader else ""
        raise UsageError(f"{name} must be {allowed}, or what a reader gives, got {got}{advice}")
    return log
