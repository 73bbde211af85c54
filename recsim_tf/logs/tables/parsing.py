# SPDX-License-Identifier: Apache-2.0
"""Conversion of the columns of a table to arrays. Cells that cannot be read become NaN or -1, and
the caller refuses them with their rows.
"""

import datetime
import decimal
import importlib
import re
import uuid
from collections.abc import Hashable, Iterable
from numbers import Real
from typing import Any

import numpy as np

LARGEST_WHOLE = 2**53 - 1  # up to it float64 represents every integer exactly
LARGEST_FLOAT32 = 2**24  # up to it float32 represents every integer exactly
_FLAGS = {"true": 1, "false": 0}
# The zone of an ISO time, which follows its date, has one of these characters.
_ZONE_CHARACTERS = frozenset("Zz+-")
# Types of ids beside text and floats. The texts of other objects are not the same in each process.
_ID_TYPES = (Real, np.bool_, decimal.Decimal, uuid.UUID, datetime.date, np.datetime64)
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")
_PLAIN = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")


def pandas() -> Any:
    """The module pandas. Raises an ImportError if it is not installed."""
    try:
        return importlib.import_module("pandas")
    except ImportError as missing:
        raise ImportError("recsim_tf.logs needs pandas: install recsim-tf[fitting]") from missing


def numbers(column: Any) -> np.ndarray:
    """The numbers of a column, float64 [R], NaN for cells that are not real numbers. Text that
    reads as a number is a number, since CSV has no types; dates are not numbers.
    """
    if getattr(column.dtype, "kind", "O") in "mMc":
        return np.full(len(column), np.nan)
    parsed = pandas().to_numeric(column, errors="coerce")
    return parsed.to_numpy(np.float64, na_value=np.nan)


def exact_numbers(column: Any) -> np.ndarray:
    """The numbers of a column, int64 [R] if all values are integers, else as in `numbers`."""
    values = numbers(column)
    if np.isfinite(values).all() and pandas().api.types.is_numeric_dtype(column):
        parsed = pandas().to_numeric(column, errors="coerce")
        if parsed.dtype.kind == "i":
            return parsed.to_numpy(np.int64)
    return values


def is_whole(values: np.ndarray) -> np.ndarray:
    """True where numbers are integers that float64 represents exactly, bool [R]."""
    if values.dtype.kind == "i":
        return np.ones(values.shape, bool)
    return (np.floor(values) == values) & (np.abs(values) <= LARGEST_WHOLE)


def is_text(cell: Any) -> bool:
    """True if a cell is text that UTF-8 can encode, which has no lone surrogates."""
    return isinstance(cell, str) and cell.encode(errors="replace").decode() == cell


def other_kind(column: Any) -> str | None:
    """The name of a type of cells that are neither numbers nor text, such as dates and lists; None
    where there are none.
    """
    if getattr(column.dtype, "kind", "O") in "mMc":
        return str(column.dtype)
    if column.dtype == object:
        for kind in {type(cell) for cell in column[~is_empty(column)]}:
            if not issubclass(kind, str | Real | np.bool_):
                return kind.__name__
    return None


def flags(column: Any) -> np.ndarray:
    """The flags of a column, float64 [R], as in `numbers`, but with 1 and 0 for the texts "true"
    and "false". pandas reads a CSV column of flags as text if any cell has another value.
    """
    if column.dtype.kind == "O":
        column = column.map(
            lambda value: _FLAGS.get(value.lower(), value) if isinstance(value, str) else value
        )
    return numbers(column)


def timestamps(column: Any) -> tuple[np.ndarray, np.ndarray, bool]:
    """Reads a column of timestamps. Dates before 1677 or after 2262 are not valid.

    Returns:
      The points in time, float64 or int64 [R]: numbers as they are, or dates as nanoseconds since
      1970 in UTC; whether a cell is valid, bool [R]; and whether the timestamps are dates.
    """
    pd = pandas()
    if not pd.api.types.is_datetime64_any_dtype(column):
        values = exact_numbers(column)
        if np.isfinite(values).all() or pd.api.types.is_numeric_dtype(column):
            return values, np.isfinite(values), False
        # The cells are ISO text, read as numbers or as dates, whichever has fewer faults.
        dates = _dates(column)
        if dates.isna().sum() > (~np.isfinite(values)).sum():
            return values, np.isfinite(values), False
        column = dates
    dates = pd.to_datetime(column, utc=True).dt.tz_localize(None)
    # Dates outside the years 1677 to 2262 have no nanoseconds in int64.
    dates = dates.where((dates >= pd.Timestamp.min) & (dates <= pd.Timestamp.max))
    return dates.to_numpy("datetime64[ns]").astype(np.int64), dates.notna().to_numpy(), True


def per_day(times: np.ndarray) -> np.ndarray:
    """The units in a day, float64 [R], of times since 1970 in seconds, milliseconds, microseconds
    or nanoseconds. Their size tells the unit between 2001 and 2286. NaN for times of another size.
    """
    power = np.floor(np.log10(np.maximum(times, 1.0))) - 9  # 10^9 seconds are in the year 2001.
    return np.where(np.isin(power, (0, 3, 6, 9)), 86_400 * 10.0**power, np.nan)


def _dates(column: Any) -> Any:
    """ISO texts as dates in UTC, NaT for other texts."""

    def dates(texts):
        texts = texts.where(texts.isna(), texts.astype(str))
        return pandas().to_datetime(texts, errors="coerce", utc=True, format="ISO8601")

    # pandas 2.3 reads a text without a zone in the zone of the row before.
    zoned = [
        isinstance(text, str) and not _ZONE_CHARACTERS.isdisjoint(text[10:]) for text in column
    ]
    if all(zoned) or not any(zoned):
        return dates(column)
    has_zone = np.array(zoned)
    return dates(column.where(has_zone)).where(has_zone, dates(column.where(~has_zone)))


def is_empty(column: Any) -> np.ndarray:
    """True where a cell has no value or an empty text, bool [R]."""
    empty = column.isna().to_numpy(bool)
    if column.dtype.kind in "OTSU":
        # pandas 3 gives views that cannot be written.
        empty = empty | (column == "").fillna(False).to_numpy(bool)
    return empty


def codes(
    column: Any, vocabulary: Iterable | None = None, ordered: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Ids as positions in a vocabulary, int64 [R], -1 for missing or unknown ids; and the
    vocabulary, texts [D].

    The vocabulary is by default the ids of the column, in order of first appearance, or sorted if
    `ordered` is True. Ids are text: 7, 7.0 and "7" are the same id, "007" is another. Ids that are
    all whole numbers are sorted as numbers. Other objects than texts, numbers, dates and UUIDs are
    not ids, and neither is a text with the character NUL.
    """
    pd = pandas()
    if not _are_ids(column):
        column = column.where(column.map(_is_id).astype(bool))
    positions, values = pd.factorize(column, use_na_sentinel=True)
    texts = id_texts(values)
    if vocabulary is None:
        ids = texts[texts != ""].unique()
        ids = pd.Index(sorted_ids(ids), dtype=object) if ordered else ids
    else:
        ids = id_texts(vocabulary)
    places = np.where(texts == "", -1, ids.get_indexer(texts))
    # Missing cells have position -1, which indexes the appended -1.
    return np.append(places, -1)[positions].astype(np.int64), np.asarray(ids, object)


def id_texts(values: Iterable) -> Any:
    """An Index of the texts of ids, "" for a value that is not an id."""
    return pandas().Index([_id_text(value) for value in values], dtype=object)


def sorted_ids(ids: Iterable[str]) -> list[str]:
    """Sorted ids: by their values if all are whole numbers, else by their texts."""
    texts = list(ids)
    is_number = all(_WHOLE.fullmatch(text) for text in texts)
    return sorted(texts, key=int) if is_number else sorted(texts)


def _are_ids(column: Any) -> bool:
    """True if all cells of a column may be ids, as far as pandas cannot compare others."""
    if column.dtype.kind not in "OTSU":
        return True
    try:
        return all(map(_is_id, set(column)))
    except TypeError:  # A cell has no hash.
        return False


def _is_id(cell: Any) -> bool:
    """False for a cell that pandas cannot compare: one without a hash, such as a list, and a text
    with the character NUL, at which pandas ends it.
    """
    return isinstance(cell, Hashable) and not (isinstance(cell, str) and "\0" in cell)


def _id_text(value: Any) -> str:
    if isinstance(value, str):
        return value if _is_id(value) else ""
    if isinstance(value, float | np.floating):
        # Whole numbers become floats if some cells of their column are empty.
        exact = float(value)
        if not abs(exact) <= LARGEST_WHOLE:
            return ""
        return str(int(exact)) if exact == int(exact) else str(value)
    return str(value) if isinstance(value, _ID_TYPES) else ""


def numbers_of_texts(column: Any) -> Any:
    """A column of texts, as numbers if all cells are empty or numbers without leading zeros."""
    cells = column[~is_empty(column)]
    if len(cells) and all(_PLAIN.fullmatch(text) for text in cells.unique()):
        return pandas().to_numeric(column.where(column != ""))
    return column


def float32(column: Any) -> np.ndarray:
    """The numbers of a column, float32 [R], as in `numbers`. They are infinite if float32 cannot
    represent them: if they are too large, or integers that float32 would round.
    """
    values = numbers(column)
    rounded = as_float32(values)
    is_exact = (rounded == values) | (np.abs(values) <= LARGEST_FLOAT32)
    return np.where(is_exact | (np.floor(values) != values), rounded, np.float32(np.inf))


def as_float32(values: np.ndarray) -> np.ndarray:
    """Values as float32, infinite if they are too large."""
    with np.errstate(over="ignore", under="ignore"):
        return values.astype(np.float32)
