"""Errors that a user of the command meets."""


class UsageError(ValueError):
    """Bad input. The message is one line that names the argument and what is allowed."""
