# SPDX-License-Identifier: Apache-2.0
"""Signals that ask a process to stop."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

# The time until a signal is sent again that Python dropped, or that came inside a library.
_SOON_SECONDS = 0.05
# After so many signals an interrupt is raised anywhere.
_MOST_SIGNALS = 40


class StoppedError(Exception):
    """A signal stopped the run, after it had saved a checkpoint."""

    def __init__(self, message: str, signal: int):
        super().__init__(message)
        self.signal = signal


class Stop:
    """The signal that came, or None. A loop reads it where it can stop."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __call__(self, number: int, frame: Any) -> None:
        del frame
        self.signal = number
        # A second signal interrupts at once.
        signal.signal(
            number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        )


@contextlib.contextmanager
def noting_signals() -> Iterator[Stop]:
    """A context that notes Ctrl-C and SIGTERM. A second signal interrupts at once."""
    stop = Stop()
    with _handling({signal.SIGINT: stop, signal.SIGTERM: stop}):
        yield stop


class TerminatedError(KeyboardInterrupt):
    """SIGTERM interrupted the process."""


@contextlib.contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """A context in which Ctrl-C raises a KeyboardInterrupt, and SIGTERM a TerminatedError.

    TensorFlow aborts the process if functions that its C++ code calls raise an error that it does
    not expect. So the error is raised where Python next runs outside of libraries and imports.

    Python drops an error that is raised in a callback of the garbage collector, such as JAX has.
    The error is then raised again soon. If a library drops it, or turns it into another error, it
    is raised at the end of the context.
    """
    came: list[int] = []
    again: list[threading.Timer] = []
    hook = sys.unraisablehook

    def send_again() -> None:
        again.append(threading.Timer(_SOON_SECONDS, os.kill, (os.getpid(), came[-1])))
        again[-1].start()

    def interrupt(number: int, frame: Any) -> None:
        came.append(number)
        if _is_inside_library(frame) and len(came) < _MOST_SIGNALS:
            send_again()
            return
        raise _interrupt(number)

    def dropped(unraisable: Any) -> None:
        if not (came and isinstance(unraisable.exc_value, KeyboardInterrupt)):
            hook(unraisable)
            return
        send_again()

    sys.unraisablehook = dropped
    try:
        with _handling({signal.SIGINT: interrupt, signal.SIGTERM: interrupt}):
            yield
    except Exception as error:
        if came:
            raise _interrupt(came[0]) from error
        raise
    finally:
        sys.unraisablehook = hook
        for timer in again:
            timer.cancel()
    if came:
        raise _interrupt(came[0])


def _is_inside_library(frame: Any) -> bool:
    """Tells whether a frame runs an import, or code of a library that is installed where TensorFlow
    is, but for recsim_tf.
    """
    tensorflow = sys.modules.get("tensorflow")
    if frame is None or tensorflow is None:
        return False
    file, root = frame.f_code.co_filename, os.path.dirname
    libraries = root(root(str(tensorflow.__file__)))
    package = root(root(os.path.abspath(__file__)))
    is_installed = file.startswith(libraries + os.sep) and not file.startswith(package + os.sep)
    return file.startswith("<frozen ") or is_installed


def _interrupt(number: int) -> KeyboardInterrupt:
    return KeyboardInterrupt() if number == signal.SIGINT else TerminatedError()


@contextlib.contextmanager
def _handling(handlers: Mapping[int, Any]) -> Iterator[None]:
    """A context in which signals have these handlers. It changes nothing outside the main thread,
    since other threads cannot set handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
