# SPDX-License-Identifier: Apache-2.0
"""Columns of a table, and the faults of their rows. The first fault raises an error, or faulty
sessions are marked, for callers that drop them.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from recsim_tf.core.base.ranges import shown
from recsim_tf.logs.tables import parsing
from recsim_tf.logs.tables.frames import line_of_row
from recsim_tf.support.errors import printable

# A cause for which more sessions than this share, and than this number, are faulty is refused.
_MOST_DROPPED, _FEW = 0.05, 10


class Faults:
    """The faults of R rows of sessions.

    Args:
      frame: the table, a DataFrame of R rows.
      sessions: int [R], the session of each row, from 0; None if each row is a session.
      drop: whether to mark faulty sessions instead of raising an error; None for a reader without
        that option.
      path: the file that the table was read from, whose line errors name; "" for none.
    """

    def __init__(
        self,
        frame: Any,
        sessions: np.ndarray | None = None,
        drop: bool | None = None,
        path: str = "",
    ):
        self._frame = frame
        self._path = path
        self._rows = np.arange(len(frame))
        self.sessions = sessions = self._rows if sessions is None else sessions
        self._drop = drop
        self._faulty = np.zeros(sessions.max(initial=-1) + 1, bool)
        self.dropped: dict[str, int] = {}  # number of sessions by their first fault

    def numbers(
        self,
        column: str,
        is_allowed: Callable[[np.ndarray], np.ndarray],
        allowed: str,
        reason: str = "",
        read: Callable[[Any], np.ndarray] = parsing.numbers,
    ) -> np.ndarray:
        """The finite numbers of a column as `read` converts them, [R]. Numbers for which
        `is_allowed` is False are refused, see `refuse`.
        """
        values = read(self._frame[column])
        valid = np.isfinite(values) & is_allowed(values)
        self.refuse(~valid, column, allowed, reason or f"invalid {column}")
        return values

    def whole_numbers(self, column: str, low: int, high: int) -> np.ndarray:
        """The whole numbers of a column, int64 [R]. Numbers outside [low, high] are refused."""

        def is_allowed(values):
            return parsing.is_whole(values) & (values >= low) & (values <= high)

        allowed = f"be a whole number in [{low}, {high}]"
        return self.numbers(column, is_allowed, allowed).astype(np.int64)

    def flags(self, column: str, reason: str = "") -> np.ndarray:
        """The flags of a column of 0 and 1, bool [R]. Other values are refused."""
        values = self.numbers(
            column, lambda value: np.isin(value, (0, 1)), "be 0 or 1", reason, parsing.flags
        )
        return values == 1

    def lists(self, column: str) -> list[Any]:
        """The lists of a column. Cells of another type are refused, such as texts."""
        cells = list(self._frame[column])
        is_list = np.array([isinstance(cell, list | tuple | np.ndarray) for cell in cells], bool)
        self.refuse(~is_list, column, "be a list", f"invalid {column}")
        return cells

    def known(self, column: str, vocabulary: Any, allowed: str, reason: str = "") -> np.ndarray:
        """Positions of ids in a vocabulary, int64 [R], -1 for an empty cell; refuses others."""
        codes, _ = parsing.codes(self._frame[column], vocabulary)
        unknown = (codes < 0) & ~parsing.is_empty(self._frame[column])
        self.refuse(unknown, column, allowed, reason)
        return codes

    def refuse(
        self,
        bad: np.ndarray,
        column: str,
        allowed: str,
        reason: str,
        rows: np.ndarray | None = None,
    ) -> None:
        """Raises a ValueError for the first bad row, or marks the sessions of all bad rows. Raises
        it too if more than 5 % of the sessions, and more than ten, have the same fault: then rather
        the arguments of the reader are wrong than the sessions.

        Args:
          bad: bool [M], whether a row has the fault.
          column: name of the column.
          allowed: the allowed values of the column in words, such as "be in (0, 1]".
          reason: name of the fault in `dropped`.
          rows: int [M], the rows, from 0 at the first row of data; None for all rows.
        """
        if not bad.any():
            return
        rows = self._rows if rows is None else rows
        if not self._drop:
            hint = "" if self._drop is None else " (drop_invalid=True leaves out such sessions)"
            raise ValueError(f"{self._told(rows[bad].min(), column, allowed)}{hint}")
        sessions = np.unique(self.sessions[rows[bad]])
        newly_faulty = sessions[~self._faulty[sessions]]
        if not len(newly_faulty):
            return
        self._faulty[newly_faulty] = True
        number = self.dropped[reason] = self.dropped.get(reason, 0) + len(newly_faulty)
        if number > max(_MOST_DROPPED * len(self._faulty), _FEW):
            raise ValueError(
                f"drop_invalid=True must leave out at most {_MOST_DROPPED:.0%} of the sessions for"
                f" one cause, got {number:,} of {len(self._faulty):,} for {reason!r}:"
                f" {self._told(rows[bad].min(), column, allowed)}"
            )

    def _told(self, row: int, column: str, allowed: str) -> str:
        """The fault of a row in words."""
        line = line_of_row(self._path, row) if self._path else 0
        place = f" (line {line} of {printable(self._path)})" if line else ""
        got = _plain(self._frame[column].iloc[row])
        return f"row {row}{place}, column {column!r} must {allowed}, got {got}"

    def sound(self, rows: np.ndarray) -> np.ndarray:
        """True where the sessions of rows [M] have no fault so far, bool [M]."""
        return ~self._faulty[self.sessions[rows]]

    @property
    def summary(self) -> str:
        """The numbers of dropped sessions by reason, in one line; "" if there are none."""
        if not self.dropped:
            return ""
        reasons = ", ".join(f"{reason} {count}" for reason, count in self.dropped.items())
        return f"{sum(self.dropped.values())} of {len(self._faulty)} sessions dropped: {reasons}"


def _plain(value: Any) -> str:
    """The short representation of a value, on one line."""
    return printable(shown(value.item() if isinstance(value, np.generic) else value))
