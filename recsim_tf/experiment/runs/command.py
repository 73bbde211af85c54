"""A command as a process: what it writes to standard error, and its exit status."""

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable

from absl import logging

from recsim_tf.errors import OF_VALUES, one_line, place, told
from recsim_tf.experiment.runs.errors import StoppedError

# The beginning of the line on standard error that says an error.
ERROR_PREFIX = "recsim-tf: error: "
# The environment variable that asks for the trace of an error before its line.
TRACEBACK = "RECSIM_TF_TRACEBACK"


def quiet() -> None:
    """Leaves out the warnings and log messages of the libraries in this process."""
    logging.use_absl_handler()
    logging.set_verbosity(logging.ERROR)
    warnings.filterwarnings("ignore")


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
    except Exception as error:  # A user's own code can raise anything.
        if os.environ.get(TRACEBACK):
            traceback.print_exc()
        elsewhere = place(error) is None and not isinstance(error, OF_VALUES)
        hint = f" ({TRACEBACK}=1 in the environment shows where)" if elsewhere else ""
        print(f"{ERROR_PREFIX}{told(error)}{hint}", file=sys.stderr)
        return 2
