# SPDX-License-Identifier: Apache-2.0
"""Order of the rows of a table by session, step and position, and conversion to arrays of a log."""

from typing import Any, NamedTuple

import numpy as np

from recsim_tf.logs.log import repeat_last_step


class Rows(NamedTuple):
    """M rows of a table by session, step and position, with their indices in a log [S, T, K]."""

    order: np.ndarray  # int [M], rows of the table
    session: np.ndarray  # int [M], from 0
    step: np.ndarray  # int [M], from 0 in each session
    position: np.ndarray  # int [M]
    slate_size: int = 0  # K

    @classmethod
    def of(
        cls, rows: np.ndarray, session: np.ndarray, step: np.ndarray, position: np.ndarray
    ) -> "Rows":
        """Sorts rows.

        Args:
          rows: int [M], the rows of the table to sort.
          session: int [R], session of each row of the table. Sessions keep the order of their
            numbers.
          step: numbers [R], whose order within a session counts.
          position: int [R], from 0.
        """
        order = rows[np.lexsort((position[rows], step[rows], session[rows]))]
        return cls._numbered(order, session[order], step[order], position[order])

    @classmethod
    def _numbered(
        cls,
        order: np.ndarray,
        session: np.ndarray,
        step: np.ndarray,
        position: np.ndarray,
        *,
        slate_size: int = 0,
    ) -> "Rows":
        begins = _differs(session)
        number = np.cumsum(begins | _differs(step))
        number -= np.maximum.accumulate(np.where(begins, number, 0))
        return cls(order, np.cumsum(begins) - 1, number, position, slate_size)

    def where(self, kept: np.ndarray) -> "Rows":
        """The rows with `kept`, bool [M]. Sessions and steps are numbered again."""
        if kept.all():
            return self
        parts = (self.order, self.session, self.step, self.position)
        return self._numbered(*(part[kept] for part in parts), slate_size=self.slate_size)

    @property
    def largest(self) -> int:
        """The largest number of rows of a step, at least 1."""
        return int(np.bincount(np.cumsum(self.begins_step)).max(initial=1))

    @property
    def begins_session(self) -> np.ndarray:
        """True where a row is the first of its session, bool [M]."""
        return _differs(self.session)

    @property
    def begins_step(self) -> np.ndarray:
        """True where a row is the first of its step, bool [M]."""
        return self.begins_session | _differs(self.step)

    @property
    def length(self) -> np.ndarray:
        """The number of steps of each session, int32 [S]."""
        return np.bincount(self.session[self.begins_step]).astype(np.int32)

    def of_session(self, values: np.ndarray) -> np.ndarray:
        """The values [R] at the first row of each session, [S]."""
        return values[self.order[self.begins_session]]

    def by_step(self, values: np.ndarray, fill: Any = 0, where: Any = None) -> np.ndarray:
        """The values [R, ...] of each step, [S, T, ...].

        They are taken from the first row of a step, or from the row at which `where` bool [M] is
        True; a step without one gets `fill`. Steps after the end of a session repeat its last step.
        """
        where = self.begins_step if where is None else where
        length = self.length
        padded = np.full((len(length), length.max(), *values.shape[1:]), fill, values.dtype)
        padded[self.session[where], self.step[where]] = values[self.order[where]]
        return repeat_last_step(padded, length)

    def by_position(self, values: np.ndarray, fill: Any = 0) -> np.ndarray:
        """The values [R] of each position, [S, T, K], with `fill` at empty positions. Steps after
        the end of a session repeat its last step.
        """
        length = self.length
        padded = np.full((len(length), length.max(), self.slate_size), fill, values.dtype)
        padded[self.session, self.step, self.position] = values[self.order]
        return repeat_last_step(padded, length)

    def sums_so_far(self, values: np.ndarray) -> np.ndarray:
        """The cumulative sums of values [M] within each step, [M]."""
        total = np.cumsum(values)
        begins = self.begins_step
        before = np.where(begins, total - values, 0)
        return total - np.maximum.accumulate(before)

    def same_in_step(self, values: np.ndarray) -> np.ndarray:
        """True where values [M] equal those of the first row of their step, bool [M]."""
        return values == values[self.first_of(self.begins_step)]

    def same_in_session(self, values: np.ndarray) -> np.ndarray:
        """True where values [M] equal those of the first row of their session, bool [M]."""
        return values == values[self.first_of(self.begins_session)]

    def first_of(self, begins: np.ndarray) -> np.ndarray:
        """The last row with `begins` at or before each row, int [M]."""
        return np.maximum.accumulate(np.where(begins, np.arange(len(begins)), 0))


def _differs(values: np.ndarray) -> np.ndarray:
    """True where values differ from the values before them, bool [M]; True for the first."""
    return np.append(True, values[1:] != values[:-1])[: len(values)]
