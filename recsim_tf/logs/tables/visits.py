"""Visits of users who come back, read from the timestamps of a table."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from recsim_tf.core.base.ranges import Range
from recsim_tf.logs.tables import parsing
from recsim_tf.logs.tables.faults import Faults
from recsim_tf.logs.tables.frames import pandas

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


def find_visits(
    shown: Any, columns: Mapping[str, str], column: Any, how: TableVisits, faults: Faults
) -> Any:
    """The impressions of `arrange` within the horizon of sessions without a fault, with three more
    columns: "ends", int32, 1 where the visit ends with the step; "days", float64, as draws of
    `core.distributions.ReturnTime`, 0 where it goes on; and "over", whether the user is not back
    within the horizon.

    `column` is that of the timestamps, as it is in the table. Sessions where they do not increase
    are refused; an end before the last of them raises a ValueError.
    """
    are_dates = parsing.are_dates(column)
    seconds = _OF_DATES if are_dates else how.unit
    end = _end(how.end, shown, are_dates)
    shown, visits = _numbered(shown, how, seconds)
    late = visits["session"].duplicated() & (visits["time"].diff() <= 0)
    allowed = "increase from visit to visit"
    faults.refuse(late, columns["timestamp"], allowed, "visits at one time", visits["row"])
    time, first = visits["time"], visits.groupby("session")["time"].transform("first")
    visits["day"] = (time - first) * (seconds / _DAY)
    limit = how.horizon * (1 - _ROUNDING)
    visits = visits[(visits["day"] < limit) & faults.sound(visits["row"])]
    has_next = visits["session"].duplicated(keep="last")
    watched = (end - visits["time"]) * (seconds / _DAY)
    over = ~has_next & (visits["day"] + watched >= limit)
    gap = visits["day"].diff().shift(-1)
    days = gap.where(has_next, np.where(over, how.horizon, -watched))
    goes_on = False
    if how.pause is not None:
        goes_on = ~has_next & ((end - visits["last"]) * seconds <= how.pause * _HOUR)
    visits = visits[[]].assign(days=days, over=over, goes_on=goes_on)
    shown = shown.join(visits, on="number", how="inner")
    is_last = shown["slate"] == shown.groupby("number")["slate"].transform("last")
    ends = is_last & ~shown["goes_on"]
    return shown.assign(
        ends=ends.astype(np.int32), days=shown["days"].where(ends, 0.0), over=ends & shown["over"]
    )


def _numbered(shown: Any, how: TableVisits, seconds: float) -> tuple[Any, Any]:
    """The impressions with the "number" of their visit, and the visits: by number their session,
    the times of their first and last steps, and their first row.
    """
    by_slate = shown.groupby("slate")
    steps = by_slate.agg(
        session=("session", "first"), time=("timestamp", "min"), last=("timestamp", "max")
    )
    begins = ~steps["session"].duplicated()
    if how.pause is None:
        visit = by_slate["visit"].first()
        begins |= visit != visit.shift(fill_value=0)
    else:
        pause = (steps["time"] - steps["last"].shift(fill_value=0)) * seconds
        begins |= pause > how.pause * _HOUR
    number = begins.cumsum().rename(None)
    shown = shown.assign(number=shown["slate"].map(number))
    visits = steps.groupby(number).agg({"session": "first", "time": "first", "last": "last"})
    return shown, visits.assign(row=shown.index[~shown["number"].duplicated()])


def _end(end: Any, shown: Any, are_dates: bool) -> Any:
    """When the log ended, in the unit of the timestamps."""
    last = shown["timestamp"].max()
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
