# SPDX-License-Identifier: Apache-2.0
"""A command as a process: its lines on standard error, and its exit status."""

import contextlib
import io
import logging
import os
import re
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import absl.logging

from recsim_tf.support.errors import OF_VALUES, ModelWarning, error_line, fault_location, one_line
from recsim_tf.support.stopping import StoppedError, TerminatedError, interrupted_by_signals

# The beginning of the line on standard error that says an error.
ERROR_PREFIX = "recsim-tf: error: "
# The environment variable that asks for the trace of an error before its line.
TRACEBACK = "RECSIM_TF_TRACEBACK"


def quiet() -> None:
    """Leaves out the warnings and log messages of the libraries in this process."""
    absl.logging.use_absl_handler()
    absl.logging.set_verbosity(absl.logging.ERROR)
    warnings.filterwarnings("ignore")
    warnings.filterwarnings("default", category=ModelWarning)
    warnings.formatwarning = lambda message, *_: f"recsim-tf: warning: {message}\n"


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Inside, libraries write no warnings and log no messages."""
    levels = {logging.getLogger("tensorflow"): logging.ERROR, logging.getLogger(): logging.CRITICAL}
    before = {logger: logger.level for logger in levels}
    verbosity = absl.logging.get_verbosity()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger, level in levels.items():
            logger.setLevel(level)
        absl.logging.set_verbosity(absl.logging.FATAL)
        try:
            yield
        finally:
            for logger, level in before.items():
                logger.setLevel(level)
            absl.logging.set_verbosity(verbosity)


class _Plain:
    """A stream to write to, without control characters."""

    # A carriage return in front is that of a progress bar.
    _CONTROL = re.compile(r"(?!\A)\r|[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]")

    def __init__(self, stream: Any):
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(self._CONTROL.sub("\N{REPLACEMENT CHARACTER}", text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def plain_output() -> Iterator[None]:
    """Inside, control characters in what is printed, but line ends, are replaced: names of models
    and files may hold some, which terminals would obey. Standard output replaces what its encoding
    lacks.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    stdout: Any = _Plain(sys.stdout)
    stderr: Any = _Plain(sys.stderr)
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        yield


def exit_status(name: str, command: Callable[[], int | None]) -> int:
    """Runs a command, and writes its error as one line to standard error.

    Args:
      name: the name of the command, for the message of an interruption.
      command: returns its exit status, None for 0.

    Returns:
      The exit status: 2 after an error, 128 plus the number of the signal that stopped the command.
    """
    try:
        with interrupted_by_signals():
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
