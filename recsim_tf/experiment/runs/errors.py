"""Errors that a user of the command meets, and the exit status that tells them."""

import signal
import sys
from collections.abc import Callable

# How a line on standard error begins that tells an error.
ERROR_PREFIX = "recsim-tf: error: "


class UsageError(ValueError):
    """Bad input. The message is one line that names the argument and what is allowed."""


class StoppedError(Exception):
    """A signal stopped the run, after it had saved a checkpoint.

    Args:
      message: where it stopped.
      signal: the number of the signal.
    """

    def __init__(self, message: str, signal: int):
        super().__init__(message)
        self.signal = signal


def one_line(error: BaseException) -> str:
    """The message of an error without line breaks, and without the trace of calls that gin
    appends.
    """
    return " ".join(str(error).split("\n  In call to configurable")[0].split())


def exit_status(name: str, command: Callable[[], int | None]) -> int:
    """Runs a command, and writes its error as one line to standard error.

    Args:
      name: of the command, for the message of an interruption.
      command: returns its exit status, None for 0.

    Returns:
      The exit status: 2 after an error, 128 plus the number of the signal that stopped the command.
    """
    try:
        return command() or 0
    except StoppedError as stopped:
        print(f"recsim-tf: {one_line(stopped)}; run the same command to go on", file=sys.stderr)
        return 128 + stopped.signal
    except KeyboardInterrupt:
        print(f"recsim-tf: {name} was interrupted; run the same command again", file=sys.stderr)
        return 128 + signal.SIGINT
    except (ValueError, TypeError, RuntimeError, OSError) as error:
        print(f"{ERROR_PREFIX}{one_line(error)}", file=sys.stderr)
        return 2
