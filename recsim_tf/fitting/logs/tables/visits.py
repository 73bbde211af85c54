"""Visits of users who come back, read from the timestamps of a table."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from recsim_tf.core.distributions.joint import record
from recsim_tf.core.ranges import Range
from recsim_tf.core.types import Nest
from recsim_tf.fitting.logs.tables import parsing
from recsim_tf.fitting.logs.tables.faults import Faults
from recsim_tf.fitting.logs.tables.frames import pandas
from recsim_tf.fitting.logs.tables.slates import Slates, same_as_before

_HOUR, _DAY = 3600.0, 86400.0
_OF_DATES = 1e-9  # seconds, in which dates are counted
# A part of the horizon so short that float32 may lose it.
_ROUNDING = 1e-5


@dataclasses.dataclass(frozen=True)
class TableVisits:
    """How `from_table` finds the visits of users in their lifetimes, which are its sessions, by the
    column of timestamps.

    The days between two visits are those between their first steps, since steps take no time on the
    clock of `ReturningUsers`. What is later than the horizon is left out. After the last visit of a
    user the log says for how many days they were not back: until the horizon, or until the log
    ended.

    Args:
      horizon: days, that of the users.
      pause: hours without a step after which a visit has ended; None where the table has a column
        of visits. With a pause, the last visit of a user may still go on when the log ends.
      end: when the log ended, a number or a date as the timestamps are; None for the last timestamp
        of the table.
      unit: seconds of a unit of timestamps that are numbers.

    Numbers must be above 0.
    """

    horizon: float
    pause: float | None = None
    end: Any = None
    unit: float = 1.0

    def __post_init__(self) -> None:
        Range(above=0).check_number("horizon", self.horizon)
        Range(above=0).check_number("unit", self.unit)
        if self.pause is not None:
            Range(above=0).check_number("pause", self.pause, "None")

    def check_columns(self, columns: Mapping[str, str]) -> None:
        """Raises a ValueError where a column lacks, or contradicts the timestamps."""
        if "timestamp" not in columns:
            raise ValueError(f"columns must name a column for 'timestamp', got {dict(columns)}")
        if ("visit" in columns) == (self.pause is not None):
            raise ValueError(
                "visits must be told by one of a column for 'visit' and a pause, got"
                f" {dict(columns)} and pause={self.pause}"
            )
        if "departed" in columns:
            raise ValueError(
                "columns must have no 'departed' beside visits, whose timestamps tell it"
            )


class Visits(NamedTuple):
    """What becomes of visits at each of M documents shown, [M]."""

    ends: np.ndarray  # int32, 1 where the visit ends with the step
    days: np.ndarray  # float64, as draws of `core.distributions.ReturnTime`, 0 where it goes on
    over: np.ndarray  # bool, the user is not back within the horizon

    def innovation(self, by_step: Any) -> Nest:
        """The innovation of `ReturningUsers` whose other parts draw nothing; `by_step` makes
        [S, T] of [M].
        """
        visit = record("Visit", {"ends": by_step(self.ends), "days": by_step(self.days)})
        return record("Innovation", {"visit": visit})


def find_visits(
    slates: Slates, columns: Mapping[str, str], column: Any, how: TableVisits, faults: Faults
) -> tuple[Slates, Visits]:
    """The slates within the horizon of sessions without a fault, and what becomes of their visits.

    `column` is that of the timestamps, as it is in the table. Sessions where they do not increase
    are refused; an end before the last of them raises a ValueError.
    """
    are_dates = parsing.are_dates(column)
    seconds = _OF_DATES if are_dates else how.unit
    end = _end(how.end, slates, are_dates)
    found = _Starts.of(slates, how, seconds)
    late = found.follows & np.append(False, found.time[1:] <= found.time[:-1])[: len(found.time)]
    rows, allowed = slates.impressions.row[found.row], "increase from visit to visit"
    faults.refuse(late, columns["timestamp"], allowed, "visits at one time", rows)
    slates = slates.without_faults(faults)
    found = _Starts.of(slates, how, seconds)
    day = found.days_since(found.time[found.first])
    limit = how.horizon * (1 - _ROUNDING)
    slates = slates.take((day < limit)[found.of_row])
    found = _Starts.of(slates, how, seconds)
    return slates, _what_becomes(slates, found, end, how, limit)


class _Starts(NamedTuple):
    """V visits in the order of slates, and the visit of each of M documents shown."""

    session: np.ndarray  # int64 [V]
    time: np.ndarray  # [V], of the first step
    last: np.ndarray  # [V], of the last step
    row: np.ndarray  # int64 [V], its first document
    first: np.ndarray  # int64 [V], the first visit of the session
    follows: np.ndarray  # bool [V], whether it is a later visit of a session
    of_row: np.ndarray  # int64 [M]
    seconds: float  # of a unit of time

    @classmethod
    def of(cls, slates: Slates, how: TableVisits, seconds: float) -> "_Starts":
        shown = slates.impressions
        begins = np.flatnonzero(slates.first == np.arange(len(slates.first)))
        earliest, latest = (
            function.reduceat(shown.timestamp, begins) if len(begins) else begins
            for function in (np.minimum, np.maximum)
        )
        session = shown.session[begins]
        is_new = ~same_as_before(session)
        if how.pause is None:
            is_new |= ~same_as_before(shown.visit[begins])
        else:
            is_new[1:] |= (earliest[1:] - latest[:-1]) * seconds > how.pause * _HOUR
        starts = np.flatnonzero(is_new)
        session, ends = session[starts], np.append(starts[1:], len(begins)) - 1
        follows = same_as_before(session)
        first = np.maximum.accumulate(np.where(follows, 0, np.arange(len(starts))))
        number = np.cumsum(is_new) - 1
        return cls(
            session,
            earliest[starts],
            latest[ends],
            begins[starts],
            first,
            follows,
            number[slates.slate],
            seconds,
        )

    def days_since(self, time: np.ndarray) -> np.ndarray:
        """[V]: days from a time, [V], to the first step."""
        return (self.time - time) * (self.seconds / _DAY)


def _what_becomes(
    slates: Slates, found: _Starts, end: Any, how: TableVisits, limit: float
) -> Visits:
    day = found.days_since(found.time[found.first])
    has_next = np.append(found.follows[1:], False)
    watched = (end - found.time) * (found.seconds / _DAY)
    is_over = ~has_next & (day + watched >= limit)
    # The gap of each visit is the difference to the next one.
    gap = np.append(np.diff(day), 0.0)
    days = np.where(has_next, gap, np.where(is_over, how.horizon, -watched))
    goes_on = np.zeros(len(day), bool)
    if how.pause is not None:
        goes_on = ~has_next & ((end - found.last) * found.seconds <= how.pause * _HOUR)
    last_slate = np.zeros(found.of_row.max(initial=-1) + 1, np.int64)
    np.maximum.at(last_slate, found.of_row, slates.slate)
    ends = (slates.slate == last_slate[found.of_row]) & ~goes_on[found.of_row]
    return Visits(
        ends=ends.astype(np.int32),
        days=np.where(ends, days[found.of_row], 0.0),
        over=ends & is_over[found.of_row],
    )


def _end(end: Any, slates: Slates, are_dates: bool) -> Any:
    """When the log ended, in the unit of the timestamps."""
    last = slates.impressions.timestamp.max(initial=0)
    if end is None:
        return last
    column = pandas().Series([end])
    values, valid = parsing.timestamps(column)
    kind = "a date" if are_dates else "a number"
    if not valid.all() or parsing.are_dates(column) != are_dates:
        raise ValueError(f"end must be {kind}, as the timestamps, got {end!r}")
    if values[0] < last:
        raise ValueError(f"end must not be before the last timestamp of the table, got {end!r}")
    return values[0]
