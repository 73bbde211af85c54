# SPDX-License-Identifier: Apache-2.0
"""Visits of returning users, read from the timestamps of a table."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from recsim_tf.core.base.arguments import Positive, checked
from recsim_tf.logs.log import repeat_last_step
from recsim_tf.logs.tables import parsing
from recsim_tf.logs.tables.cells import Cells
from recsim_tf.logs.tables.parsing import pandas
from recsim_tf.logs.tables.rows import Rows

_HOUR, _DAY = 3600.0, 86400.0
_DATE_UNIT = 1e-9  # seconds, the unit of dates
_ROUNDING = 1e-5  # part of the horizon that is below the rounding error of float32


@checked
@dataclasses.dataclass(frozen=True)
class TableVisits:
    """The rule by which `from_table` divides the lifetimes of users, which are its sessions, into
    visits. It uses the column of timestamps.

    The days between two visits are the days between their first steps, since steps take no time on
    the clock of `ReturningUsers`. Visits after the horizon are left out. After the last visit of a
    user, the log has the days without a return, until the horizon or the end of the log.

    Args:
      horizon: days, the horizon of the users.
      pause: hours without a step after which a visit has ended; None if the table has a column of
        visits. With a pause, the last visit of a user may continue when the log ends.
      end: the end of the log, a number or a date like the timestamps; None for the last timestamp
        of the table.
      unit: length in seconds of a unit of timestamps that are numbers.

    Numbers must be above 0.
    """

    horizon: Positive
    pause: Positive | None = None
    end: Any = None
    unit: Positive = 1.0

    def check_columns(self, columns: Mapping[str, str]) -> None:
        """Raises a ValueError if a column is missing, or duplicates the rule for visits."""
        if "timestamp" not in columns:
            raise ValueError(f"columns must name a column for 'timestamp', got {dict(columns)}")
        if ("visit" in columns) == (self.pause is not None):
            raise ValueError(
                "visits must be defined by either a column for 'visit' or a pause, got"
                f" {dict(columns)} and pause={self.pause}"
            )
        if "departed" in columns:
            raise ValueError(
                "columns must have no 'departed' beside visits, whose timestamps define departures"
            )


class VisitSteps(NamedTuple):
    """Visits by step, as draws of `ReturningUsers`."""

    ends: np.ndarray  # int32 [S, T], 1 if the visit ends with the step
    # Draws of `core.distributions.ReturnTime`, float64 [S, T]; 0 if the visit continues.
    days: np.ndarray
    departed: np.ndarray  # bool [S], the user is not back within the horizon


def find_visits(rows: Rows, cells: Cells, how: TableVisits) -> tuple[Rows, VisitSteps]:
    """The rows within the horizon of sessions without a fault, and their visits.

    Sessions are refused if the times of their visits do not increase. Raises a ValueError for an
    end before the last timestamp.
    """
    seconds = _DATE_UNIT if cells.are_dates else how.unit
    times = cells["timestamp"][rows.order]
    end = _end(how.end, times, cells.are_dates)
    steps, visits = _numbered(rows, cells, times, how, seconds)
    late = visits["session"].duplicated() & (visits["time"].diff() <= 0)
    allowed = "increase from visit to visit"
    row = rows.order[visits["row"]]
    cells.faults.refuse(late, cells.columns["timestamp"], allowed, "visits at one time", row)
    time, first = visits["time"], visits.groupby("session")["time"].transform("first")
    visits["day"] = (time - first) * (seconds / _DAY)
    limit = how.horizon * (1 - _ROUNDING)
    visits = visits[(visits["day"] < limit) & cells.faults.sound(row)]
    has_next = visits["session"].duplicated(keep="last")
    watched = (end - visits["time"]) * (seconds / _DAY)
    over = ~has_next & (visits["day"] + watched >= limit)
    gap = visits["day"].diff().shift(-1)
    days = gap.where(has_next, np.where(over, how.horizon, -watched))
    goes_on = False
    if how.pause is not None:
        goes_on = ~has_next & ((end - visits["last"]) * seconds <= how.pause * _HOUR)
    visits = visits[[]].assign(days=days, over=over, goes_on=goes_on)
    steps = steps.join(visits, on="number", how="inner")
    is_last = ~steps["number"].duplicated(keep="last")
    ends = is_last & ~steps["goes_on"]
    days = steps["days"].where(ends, 0.0)
    kept = np.isin(np.cumsum(rows.begins_step) - 1, steps.index)
    rows = rows.where(kept)
    length = rows.length
    where = rows.session[rows.begins_step], rows.step[rows.begins_step]

    def by_step(values, dtype):
        padded = np.zeros([len(length), length.max(initial=0)], dtype)
        padded[where] = values
        return repeat_last_step(padded, length)

    departed = np.zeros(len(length), bool)
    departed[where[0][ends & steps["over"]]] = True
    return rows, VisitSteps(by_step(ends, np.int32), by_step(days, np.float64), departed)


def _numbered(
    rows: Rows, cells: Cells, times: np.ndarray, how: TableVisits, seconds: float
) -> tuple[Any, Any]:
    """DataFrames of the steps and of the visits.

    Steps have the "number" of their visit. Visits have, by number, their session, the times of
    their first and last steps, and the place of their first row.
    """
    begins_step = np.flatnonzero(rows.begins_step)
    steps = pandas().DataFrame(
        {
            "session": rows.session[begins_step],
            "time": np.minimum.reduceat(times, begins_step),
            "last": np.maximum.reduceat(times, begins_step),
            "row": begins_step,
        }
    )
    begins = ~steps["session"].duplicated()
    if how.pause is None:
        visit = cells["visit"][rows.order][begins_step]
        begins |= np.append(True, visit[1:] != visit[:-1])
    else:
        pause = (steps["time"] - steps["last"].shift(fill_value=0)) * seconds
        begins |= pause > how.pause * _HOUR
    number = begins.cumsum().rename("number")
    aggregated = {"session": "first", "time": "first", "last": "last", "row": "first"}
    return steps.assign(number=number), steps.groupby(number).agg(aggregated)


def _end(end: Any, times: np.ndarray, are_dates: bool) -> Any:
    """The end of the log, in the unit of the timestamps."""
    last = times.max()
    if end is None:
        return last
    values, valid, is_date = parsing.timestamps(pandas().Series([end]))
    kind = "a date" if are_dates else "a number"
    if not valid.all() or is_date != are_dates:
        raise ValueError(f"end must be {kind}, like the timestamps, got {end!r}")
    if values[0] < last:
        raise ValueError(f"end must not be before the last timestamp of the table, got {end!r}")
    return values[0]
