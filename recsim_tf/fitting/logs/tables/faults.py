"""Faults in the rows of a table: the first one is raised, or the sessions that have one are marked
where the caller allows dropping.
"""

from typing import Any

import numpy as np


class Faults:
    """What is wrong with R rows of sessions.

    Args:
      frame: the table, a DataFrame of R rows.
      sessions: int [R], the session of each row, from 0.
      drop: mark faulty sessions instead of raising.
    """

    def __init__(self, frame: Any, sessions: np.ndarray, drop: bool = False):
        self._frame = frame
        self._sessions = sessions
        self._drop = drop
        self._faulty = np.zeros(sessions.max(initial=-1) + 1, bool)
        self.dropped: dict[str, int] = {}  # sessions by the first reason found

    def refuse(
        self, bad: np.ndarray, rows: np.ndarray, column: str, allowed: str, reason: str
    ) -> None:
        """Raises for the first bad row, or marks the sessions of all bad rows.

        Args:
          bad: bool [M].
          rows: int [M], the rows that are judged, from 0 at the first row of data.
          column: the column of the table.
          allowed: what is allowed, such as "be in (0, 1]", for the message.
          reason: name of the fault in `dropped`.

        Raises:
          ValueError: unless faulty sessions are dropped.
        """
        if not bad.any():
            return
        if not self._drop:
            row = rows[bad].min()
            raise ValueError(
                f"row {row}, column {column!r} must {allowed}, got"
                f" {_plain(self._frame[column].iloc[row])}"
            )
        sessions = np.unique(self._sessions[rows[bad]])
        fresh = sessions[~self._faulty[sessions]]
        self._faulty[fresh] = True
        if len(fresh):
            self.dropped[reason] = self.dropped.get(reason, 0) + len(fresh)

    def sound(self, rows: np.ndarray) -> np.ndarray:
        """bool [M]: which rows are of sessions without a fault so far."""
        return ~self._faulty[self._sessions[rows]]

    @property
    def summary(self) -> str:
        """The sessions dropped by reason, in one line; "" if there are none."""
        if not self.dropped:
            return ""
        reasons = ", ".join(f"{reason} {count}" for reason, count in self.dropped.items())
        return f"{sum(self.dropped.values())} of {len(self._faulty)} sessions dropped: {reasons}"


def _plain(value: Any) -> str:
    """A value as Python prints it shortly, on one line."""
    return repr(value.item() if isinstance(value, np.generic) else value).replace("\n", " ")
