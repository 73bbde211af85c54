"""Signals that ask a process to stop."""

import contextlib
import signal
from collections.abc import Iterator


class Stop:
    """The signal that came, or None; a loop looks at it where it can stop."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __call__(self, number, frame):
        del frame
        self.signal = number
        # The second one interrupts at once.
        signal.signal(
            number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        )


@contextlib.contextmanager
def noting_signals() -> Iterator[Stop]:
    """Notes Ctrl-C and SIGTERM inside the context; the second one interrupts at once."""
    stop = Stop()
    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
