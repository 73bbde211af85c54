# SPDX-License-Identifier: Apache-2.0
"""Arguments that are logs or models, or contain one, as results of readers and fits do."""

from typing import Any

from recsim_tf.core.base.arguments import kind_of
from recsim_tf.core.simulator import Simulator
from recsim_tf.logs.log import Log
from recsim_tf.support.errors import UsageError


def log_of(name: str, given: Any, kind: Any = Log, allowed: str = "a Log") -> Any:
    """The log of an argument that is a log, or a result of a reader with a field `log`. Raises a
    UsageError if the argument has no log of type `kind`, or a log without sessions.
    """
    # A Log comes first, since Python 3.11 reads the properties that a protocol names, and a log
    # without slates has no `max_length`.
    kinds = (Log, kind)
    log = given if isinstance(given, kinds) else getattr(given, "log", None)
    if not isinstance(log, kinds):
        got = type(given).__name__
        reader = {"DataFrame": "from_table", "Trajectory": "from_trajectory"}.get(got)
        advice = f": logs.{reader} makes a log of it" if reader else ""
        raise UsageError(f"{name} must be {allowed}, or the result of a reader, got {got}{advice}")
    if not log.num_sessions:
        raise UsageError(f"{name} must have at least one session, got none")
    return log


def simulator_of(model: Any) -> Simulator:
    """The simulator of an argument `model`: itself, or that of a fit or of a loaded model. Raises a
    ValueError for anything else.
    """
    simulator = getattr(model, "simulator", model)
    if not isinstance(simulator, Simulator):
        raise ValueError(
            f"model must be a Simulator, a fit, or a loaded model, got {kind_of(model)}"
        )
    return simulator
