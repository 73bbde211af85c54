"""A command as a process: its lines on standard error, and its exit status."""

import contextlib
import logging
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator

import absl.logging

from recsim_tf.support.errors import OF_VALUES, error_line, fault_location, one_line
from recsim_tf.support.stopping import StoppedError, TerminatedError, interrupted_by_sigterm

# The beginning of the line on standard error that says an error.
ERROR_PREFIX = "recsim-tf: error: "
# The environment variable that asks for the trace of an error before its line.
TRACEBACK = "RECSIM_TF_TRACEBACK"


def quiet() -> None:
    """Leaves out the warnings and log messages of the libraries in this process."""
    absl.logging.use_absl_handler()
    absl.logging.set_verbosity(absl.logging.ERROR)
    warnings.filterwarnings("ignore")


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Inside, libraries write no warnings and log no messages."""
    logger, verbosity = logging.getLogger("tensorflow"), absl.logging.get_verbosity()
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.ERROR)
        absl.logging.set_verbosity(absl.logging.FATAL)
        try:
            yield
        finally:
            logger.setLevel(level)
            absl.logging.set_verbosity(verbosity)


def exit_status(name: str, command: Callable[[], int | None]) -> int:
    """Runs a command, and writes its error as one line to standard error.

    Args:
      name: of the command, for the message of an interruption.
      command: returns its exit status, None for 0.

    Returns:
      The exit status: 2 after an error, 128 plus the number of the signal that stopped the command.
    """
    try:
        with interrupted_by_sigterm():
            return command() or 0
    except StoppedError as stopped:
        print(f"recsim-tf: {one_line(stopped)}; run the same command to go on", file=sys.stderr)
        return 128 + stopped.signal
    except KeyboardInterrupt as interrupt:
        print(f"recsim-tf: {name} was stopped; run the same command to go on", file=sys.stderr)
        return 128 + (signal.SIGTERM if isinstance(interrupt, TerminatedError) else signal.SIGINT)
    except Exception as error:  # A user's own code can raise anything.
        if os.environ.get(TRACEBACK):
            traceback.print_exc()
        elsewhere = fault_location(error) is None and not isinstance(error, OF_VALUES)
        hint = f" ({TRACEBACK}=1 in the environment shows where)" if elsewhere else ""
        print(f"{ERROR_PREFIX}{error_line(error)}{hint}", file=sys.stderr)
        return 2
