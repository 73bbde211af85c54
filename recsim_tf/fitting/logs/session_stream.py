"""Logs that do not fit into memory: pieces of a log, one after the other."""

from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn

from recsim_tf.fitting.logs.session_log import SessionLog


class SessionStream:
    """A log in pieces that are read again in each pass, so that memory does not grow with the
    number of sessions.

    Args:
      pieces: makes an iterable of logs, the same in every call. All logs have the same fields and
        slate size; each has any number of sessions.

    Raises:
      ValueError: if there is no session.
    """

    def __init__(self, pieces: Callable[[], Iterable[SessionLog]]):
        self._pieces = pieces
        sizes = [(piece.num_sessions, piece.num_steps, piece.max_length) for piece in pieces()]
        if not sum(size[0] for size in sizes):
            raise ValueError("the log must have at least one session, got none")
        self.num_sessions = sum(size[0] for size in sizes)
        self.num_steps = sum(size[1] for size in sizes)
        self.max_length = max(size[2] for size in sizes)

    def pieces(self) -> Iterator[SessionLog]:
        """The pieces, all of `max_length` steps."""
        for piece in self._pieces():
            if piece.num_sessions:
                yield piece.pad(self.max_length)

    def split(self, held_out: float, seed: int = 0) -> NoReturn:
        """Sessions in pieces are not split: hold out a log of its own."""
        del seed
        raise ValueError(
            "held_out must be a log of its own, or None, where the log is in pieces, got"
            f" {held_out}"
        )
