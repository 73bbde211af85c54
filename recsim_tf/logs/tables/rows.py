"""Rows of a table as sessions, steps and positions: the order of the rows, and arrays of logs."""

from typing import Any, NamedTuple

import numpy as np

from recsim_tf.logs.log import repeat_last_step


class Rows(NamedTuple):
    """M rows of a table in the order of sessions, steps and positions, and where each stands in the
    arrays [S, T, K] of a log.
    """

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
          rows: int [M], the rows of the table that count.
          session: int [R], by row of the table; sessions keep the order of their numbers.
          step: numbers [R], of which the order within a session counts.
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
        """The rows that are kept, bool [M]; sessions and steps are numbered anew."""
        if kept.all():
            return self
        parts = (self.order, self.session, self.step, self.position)
        return self._numbered(*(part[kept] for part in parts), slate_size=self.slate_size)

    @property
    def largest(self) -> int:
        """The most rows that a step has, at least 1."""
        return int(np.bincount(np.cumsum(self.begins_step)).max(initial=1))

    @property
    def begins_session(self) -> np.ndarray:
        """bool [M]: the first rows of sessions."""
        return _differs(self.session)

    @property
    def begins_step(self) -> np.ndarray:
        """bool [M]: the first rows of steps."""
        return self.begins_session | _differs(self.step)

    @property
    def length(self) -> np.ndarray:
        """int32 [S]: the steps of each session."""
        return np.bincount(self.session[self.begins_step]).astype(np.int32)

    def of_session(self, values: np.ndarray) -> np.ndarray:
        """[S]: values [R] of the first row of each session."""
        return values[self.order[self.begins_session]]

    def by_step(self, values: np.ndarray, fill: Any = 0, where: Any = None) -> np.ndarray:
        """[S, T, ...]: values [R, ...] of the first row of each step, or of the row of a step where
        bool [M] is true, `fill` where there is none. Steps after the end of a session repeat its
        last.
        """
        where = self.begins_step if where is None else where
        length = self.length
        padded = np.full((len(length), length.max(), *values.shape[1:]), fill, values.dtype)
        padded[self.session[where], self.step[where]] = values[self.order[where]]
        return repeat_last_step(padded, length)

    def by_position(self, values: np.ndarray, fill: Any = 0) -> np.ndarray:
        """[S, T, K]: values [R], `fill` where nothing is shown. Steps after the end of a session
        repeat its last.
        """
        length = self.length
        padded = np.full((len(length), length.max(), self.slate_size), fill, values.dtype)
        padded[self.session, self.step, self.position] = values[self.order]
        return repeat_last_step(padded, length)

    def sums_so_far(self, values: np.ndarray) -> np.ndarray:
        """[M]: sums of values [M] from the first row of a step on."""
        total = np.cumsum(values)
        begins = self.begins_step
        before = np.where(begins, total - values, 0)
        return total - np.maximum.accumulate(before)

    def same_in_step(self, values: np.ndarray) -> np.ndarray:
        """bool [M]: whether values [M] are those of the first row of their step."""
        return values == values[self.first_of(self.begins_step)]

    def same_in_session(self, values: np.ndarray) -> np.ndarray:
        """bool [M]: whether values [M] are those of the first row of their session."""
        return values == values[self.first_of(self.begins_session)]

    def first_of(self, begins: np.ndarray) -> np.ndarray:
        """int [M]: the place of the last row before each, or itself, at which something begins."""
        return np.maximum.accumulate(np.where(begins, np.arange(len(begins)), 0))


def _differs(values: np.ndarray) -> np.ndarray:
    """bool [M]: whether values differ from the ones before them, True for the first."""
    return np.append(True, values[1:] != values[:-1])[: len(values)]
