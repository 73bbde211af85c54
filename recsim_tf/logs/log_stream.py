# SPDX-License-Identifier: Apache-2.0
"""Logged sessions that are read again in each pass."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NoReturn

from recsim_tf.core.base.arguments import checked
from recsim_tf.logs.log import Log


class LogStream:
    """A log in pieces that are read again in each pass, so that memory does not grow with the
    number of sessions.

    Args:
      pieces: a function that returns an iterable of logs, the same in every call. All logs have the
        same fields and slate size; each has any number of sessions.

    Raises:
      ValueError: if `pieces` is no function, or there is no session.
    """

    @checked
    def __init__(self, pieces: Callable[[], Iterable[Log]]):
        self._pieces = pieces
        sizes = [(piece.length, piece.max_length) for piece in pieces() if piece.num_sessions]
        if not sizes:
            raise ValueError("the log must have at least one session, got none")
        self.lengths = [length for length, _ in sizes]
        self.num_sessions = sum(map(len, self.lengths))
        self.num_steps = sum(int(length.sum()) for length in self.lengths)
        self.max_length = max(steps for _, steps in sizes)

    def pieces(self) -> Iterator[Log]:
        """The pieces that have sessions, each with `max_length` steps. Raises a ValueError after
        the last piece if they do not have the sessions of the first pass.
        """
        num_sessions = 0
        for piece in self._pieces():
            num_sessions += piece.num_sessions
            if piece.num_sessions:
                yield piece.pad(self.max_length)
        if num_sessions != self.num_sessions:
            raise ValueError(
                f"pieces must return the same logs in every call, got {self.num_sessions:,}"
                f" sessions and then {num_sessions:,}"
            )

    def whole(self) -> NoReturn:
        """Raises a ValueError, since sessions in pieces are never in memory together."""
        raise ValueError("log must be in memory, a Log, got a LogStream")

    def split(
        self, held_out: float, seed: int = 0, by: Literal["user", "time"] = "user"
    ) -> NoReturn:
        """Raises a ValueError, since sessions in pieces cannot be split."""
        del seed, by
        raise ValueError(
            f"held_out must be a separate log, or None, for a log in pieces, got {held_out}"
        )
