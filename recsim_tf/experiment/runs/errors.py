"""Errors that a user of the command meets."""


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
