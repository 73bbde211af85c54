"""Logged sessions: what was shown, what was chosen, what followed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, NoReturn, Protocol, runtime_checkable

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.ranges import Range, shown
from recsim_tf.core.base.types import Nest
from recsim_tf.core.base.validation import check_at_least

# The fields with an axis of time.
_STEPS = ("documents", "shown", "hidden", "response", "innovation", "query")


@runtime_checkable
class Sessions(Protocol):
    """Logged sessions, in memory (`SessionLog`) or in pieces that are read again in each pass
    (`SessionStream`).
    """

    @property
    def num_sessions(self) -> int: ...

    @property
    def num_steps(self) -> int:
        """Steps of all sessions together."""

    def pieces(self) -> Iterable["SessionLog"]:
        """The sessions as logs of one length, the same in every call."""

    def whole(self) -> "SessionLog":
        """The sessions in one log; a ValueError if they are not in memory."""

    def split(self, held_out: float, seed: int = 0) -> tuple["Sessions", "Sessions"]:
        """Two logs, see `SessionLog.split`; a ValueError if the sessions cannot be split."""


class SessionLog(NamedTuple):
    """S sessions of up to T steps with slates of K documents, as NumPy arrays. A field that was not
    logged is `()`.

    All fields hold draws of the simulator's models, so that the distributions that simulate also
    score a log. Steps after the end of a session repeat its last step, so that they are possible
    under the models; they do not count.
    """

    length: np.ndarray  # int32 [S], steps of each session, at least 1
    # bool [S], the user left after the last step; if not, the log ends before the session does
    departed: np.ndarray
    initial: Nest  # nest of [S, ...]: the users' initial draws
    # nest of [S, T, K, ...]: the documents shown, as `DocumentModel.candidates` draws them, such as
    # ids
    documents: Nest
    shown: np.ndarray  # bool [S, T, K], False at the empty positions of a short slate
    # nest of [S, T, K, ...]: draws of the attributes that are hidden until documents are shown
    hidden: Nest
    # nest of [S, T, ...]: draws of the response, such as the position chosen, or K for "no click"
    response: Nest
    innovation: Nest  # nest of [S, T, ...]: draws of the users' change
    # nest of [S, T, ...]: what the system said or asked beside the slate; given, as slates are
    query: Nest = ()

    @property
    def num_sessions(self) -> int:
        return len(self.length)

    @property
    def max_length(self) -> int:
        """T."""
        return self.shown.shape[1]

    @property
    def slate_size(self) -> int:
        """K."""
        return self.shown.shape[2]

    @property
    def num_steps(self) -> int:
        """Steps of all sessions together."""
        return int(self.length.sum())

    @property
    def active(self) -> np.ndarray:
        """bool [S, T]: the steps that count."""
        return np.arange(self.max_length) < self.length[:, np.newaxis]

    def pieces(self) -> Iterable["SessionLog"]:
        """The log itself, as its one piece."""
        return (self,)

    def whole(self) -> "SessionLog":
        """The log itself."""
        return self

    def take(self, rows: Sequence[int] | np.ndarray) -> "SessionLog":
        """The sessions of these positions, cut after the longest of them. Raises a ValueError for
        other positions.
        """
        try:
            rows = np.arange(self.num_sessions)[np.asarray(rows, None if len(rows) else int)]
        except IndexError as error:
            raise ValueError(
                f"rows must be positions of the {self.num_sessions} sessions, got {shown(rows)}"
            ) from error
        length, departed, initial = tf.nest.map_structure(
            lambda leaf: leaf[rows], (self.length, self.departed, self.initial)
        )
        taken = self._replace(length=length, departed=departed, initial=initial)
        return taken.map_steps(lambda leaf: leaf[rows][:, : length.max(initial=1)])

    def distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions int [D] of sessions that differ from each other, and how often each of them is
        in the log, int [D].
        """
        leaves = [np.asarray(leaf) for leaf in tf.nest.flatten(self)]
        rows = np.concatenate(
            [
                np.ascontiguousarray(leaf).view(np.uint8).reshape(self.num_sessions, -1)
                for leaf in leaves
            ],
            axis=1,
        )
        _, first, counts = np.unique(
            rows.view(f"V{rows.shape[1]}"), return_index=True, return_counts=True
        )
        order = np.argsort(first)
        return first[order], counts[order]

    def pad(self, max_length: int) -> "SessionLog":
        """The log with T = `max_length`, by repeating the last steps. Raises a ValueError if it is
        below that of the log.
        """
        check_at_least(self.max_length, max_length=max_length)
        steps = np.minimum(np.arange(max_length), self.max_length - 1)
        return self.map_steps(lambda leaf: leaf[:, steps])

    def cut(self, length: np.ndarray) -> "SessionLog":
        """The first steps of each session. A session that is cut has not departed yet.

        Args:
          length: int [S], from 1 to `self.length`.

        Raises:
          ValueError: for a length out of range.
        """
        length = np.asarray(length, np.int32)
        if length.shape != self.length.shape or (length < 1).any() or (length > self.length).any():
            raise ValueError(
                "length must hold a number of steps for each session, from 1 to those that it has"
            )
        cut = self._replace(length=length, departed=self.departed & (length == self.length))
        return cut.map_steps(lambda leaf: repeat_last_step(leaf, length)[:, : length.max()])

    def followed_by(self, later: "SessionLog") -> "SessionLog":
        """The sessions with steps of another log after those that they have, row by row. Raises a
        ValueError for another number of sessions.
        """
        if later.num_sessions != self.num_sessions:
            raise ValueError(
                f"later must have the {self.num_sessions} sessions that it goes on with, got"
                f" {later.num_sessions}"
            )
        length = self.length + later.length
        active = np.concatenate([self.active, later.active], axis=1)
        order = np.argsort(~active, axis=1, kind="stable")[:, : length.max()]

        def joined(first, second):
            return take_steps(np.concatenate([first, second], axis=1), order)

        by_step = {
            name: tf.nest.map_structure(joined, getattr(self, name), getattr(later, name))
            for name in _STEPS
        }
        return self._replace(
            length=length, departed=later.departed, **repeat_last_step(by_step, length)
        )

    def map_steps(self, function: Callable[[np.ndarray], np.ndarray]) -> "SessionLog":
        """The log with a function applied to all arrays [S, T, ...]."""
        by_step = {name: value for name, value in self._asdict().items() if name in _STEPS}
        return self._replace(
            **{name: tf.nest.map_structure(function, value) for name, value in by_step.items()}
        )

    def split(self, held_out: float, seed: int = 0) -> tuple["SessionLog", "SessionLog"]:
        """Two logs of whole sessions, the second with about that part of them.

        Args:
          held_out: in (0, 1); at least one session goes to either log.
          seed: of the choice of sessions.

        Raises:
          ValueError: for a part outside (0, 1), or a log of fewer than two sessions.
        """
        Range(above=0, below=1).check_number("held_out", held_out)
        check_at_least(0, seed=seed)
        if self.num_sessions < 2:
            raise ValueError(f"a log of at least 2 sessions can be split, got {self.num_sessions}")
        order = np.random.default_rng(seed).permutation(self.num_sessions)
        count = min(max(round(held_out * self.num_sessions), 1), self.num_sessions - 1)
        return self.take(np.sort(order[count:])), self.take(np.sort(order[:count]))


def take_steps(nest: Nest, steps: np.ndarray) -> Nest:
    """Steps int [S, U] of each session in a nest of arrays [S, T, ...]: a nest of [S, U, ...]."""
    rows = np.arange(len(steps))[:, np.newaxis]
    return tf.nest.map_structure(lambda leaf: leaf[rows, steps], nest)


def repeat_last_step(nest: Nest, length: np.ndarray) -> Nest:
    """A nest of arrays [S, T, ...] with the last step of each session in the place of all steps
    after it; `length` is int [S].
    """
    return tf.nest.map_structure(
        lambda leaf: take_steps(
            leaf, np.minimum(np.arange(leaf.shape[1]), length[:, np.newaxis] - 1)
        ),
        nest,
    )


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

    def whole(self) -> NoReturn:
        """Sessions in pieces are never in memory together."""
        raise ValueError("log must be in memory here, a SessionLog, got a SessionStream")

    def split(self, held_out: float, seed: int = 0) -> NoReturn:
        """Sessions in pieces are not split: hold out a log of its own."""
        del seed
        raise ValueError(
            "held_out must be a log of its own, or None, where the log is in pieces, got"
            f" {held_out}"
        )
