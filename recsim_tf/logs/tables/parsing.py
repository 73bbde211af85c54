"""Columns of a table as arrays; what cannot be read is NaN or -1, for the caller to refuse with its
row.
"""

import importlib
import re
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np

# Below it float64 holds every whole number.
LARGEST_WHOLE = 2**53 - 1
LARGEST_FLOAT32 = 2**24  # Below it float32 does.
_FLAGS = {"true": 1, "false": 0}
_OF_ZONES = frozenset("Zz+-")  # One of them is in the zone of an ISO time, which follows its date.
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")
_PLAIN = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")


def pandas() -> Any:
    """The module pandas; an ImportError if it is not installed."""
    try:
        return importlib.import_module("pandas")
    except ImportError as missing:
        raise ImportError("recsim_tf.logs needs pandas 2: install recsim-tf[fitting]") from missing


def numbers(column: Any) -> np.ndarray:
    """float64 [R], NaN where there is no real number. Text that reads as a number counts as one,
    since CSV has no types; dates do not.
    """
    if getattr(column.dtype, "kind", "O") in "mMc":
        return np.full(len(column), np.nan)
    parsed = pandas().to_numeric(column, errors="coerce")
    return parsed.to_numpy(np.float64, na_value=np.nan)


def exact_numbers(column: Any) -> np.ndarray:
    """int64 [R] where all values are integers, else as `numbers`."""
    values = numbers(column)
    if np.isfinite(values).all() and pandas().api.types.is_numeric_dtype(column):
        parsed = pandas().to_numeric(column, errors="coerce")
        if parsed.dtype.kind == "i":
            return parsed.to_numpy(np.int64)
    return values


def is_whole(values: np.ndarray) -> np.ndarray:
    """bool [R]: which numbers are integers that float64 represents exactly."""
    if values.dtype.kind == "i":
        return np.ones(values.shape, bool)
    return (np.floor(values) == values) & (np.abs(values) <= LARGEST_WHOLE)


def is_text(cell: Any) -> bool:
    """Whether a cell is text of UTF-8, which has no lone surrogates."""
    return isinstance(cell, str) and cell.encode(errors="replace").decode() == cell


def flags(column: Any) -> np.ndarray:
    """float64 [R], as `numbers`, with 1 and 0 for the texts "true" and "false": a CSV column with
    one other value is all text.
    """
    if column.dtype == object:
        column = column.map(
            lambda value: _FLAGS.get(value.lower(), value) if isinstance(value, str) else value
        )
    return numbers(column)


def timestamps(column: Any) -> tuple[np.ndarray, np.ndarray, bool]:
    """Points in time that can be compared, float64 or int64 [R], numbers as they are or dates as
    nanoseconds since 1970 in UTC; where there is one, bool [R]; and whether they are dates.
    """
    pd = pandas()
    if not pd.api.types.is_datetime64_any_dtype(column):
        values = exact_numbers(column)
        if np.isfinite(values).all() or pd.api.types.is_numeric_dtype(column):
            return values, np.isfinite(values), False
        # ISO text. Where neither reads all rows, the reading with fewer faults tells which ones
        # they are.
        dates = _dates(column)
        if dates.isna().sum() > (~np.isfinite(values)).sum():
            return values, np.isfinite(values), False
        column = dates
    dates = pd.to_datetime(column, utc=True).dt.tz_localize(None)
    return dates.to_numpy("datetime64[ns]").astype(np.int64), dates.notna().to_numpy(), True


def _dates(column: Any) -> Any:
    """ISO texts as dates in UTC, NaT for others."""

    def dates(texts):
        return pandas().to_datetime(texts, errors="coerce", utc=True, format="ISO8601")

    # pandas 2.3 takes a text without a zone to be in that of the row before.
    zoned = [isinstance(text, str) and not _OF_ZONES.isdisjoint(text[10:]) for text in column]
    if all(zoned) or not any(zoned):
        return dates(column)
    has_zone = np.array(zoned)
    return dates(column.where(has_zone)).where(has_zone, dates(column.where(~has_zone)))


def is_empty(column: Any) -> np.ndarray:
    """bool [R]: cells without a value, and empty texts."""
    empty = column.isna().to_numpy(bool)
    if column.dtype.kind in "OTSU":
        empty |= (column == "").fillna(False).to_numpy(bool)
    return empty


def codes(
    column: Any, vocabulary: Iterable | None = None, ordered: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Ids as positions in a vocabulary, int64 [R], -1 for what is missing or not in it; and the
    vocabulary, texts [D]: by default the ids of the column, in order of first appearance, or sorted
    where `ordered`.

    An id is text: 7, 7.0 and "7" are one id, "007" is another. Ids that are all whole numbers are
    sorted as numbers.
    """
    pd = pandas()
    try:
        positions, values = pd.factorize(column, use_na_sentinel=True)
    except TypeError:  # Lists and the like are no ids.
        is_id = column.map(lambda cell: isinstance(cell, Hashable)).astype(bool)
        positions, values = pd.factorize(column.where(is_id), use_na_sentinel=True)
    texts = id_texts(values)
    if vocabulary is None:
        ids = texts[texts != ""].unique()
        ids = pd.Index(sorted_ids(ids), dtype=object) if ordered else ids
    else:
        ids = id_texts(vocabulary)
    places = np.where(texts == "", -1, ids.get_indexer(texts))
    # Missing cells are -1, the last place.
    return np.append(places, -1)[positions].astype(np.int64), np.asarray(ids, object)


def id_texts(values: Iterable) -> Any:
    """An Index of the texts of ids, "" for what is no id."""
    return pandas().Index([_id_text(value) for value in values], dtype=object)


def sorted_ids(ids: Iterable[str]) -> list[str]:
    """Ids that are all whole numbers by their values, others by their texts."""
    texts = list(ids)
    is_number = all(_WHOLE.fullmatch(text) for text in texts)
    return sorted(texts, key=int) if is_number else sorted(texts)


def _id_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float | np.floating):
        # Whole numbers become floats where some cells of their column are empty.
        exact = float(value)
        if not abs(exact) <= LARGEST_WHOLE:
            return ""
        return str(int(exact)) if exact == int(exact) else str(value)
    return str(value)


def numbers_of_texts(column: Any) -> Any:
    """A column of texts of a file, as numbers where all that are not empty are plain numbers, which
    begin with no further zero.
    """
    cells = column[~is_empty(column)]
    if len(cells) and all(_PLAIN.fullmatch(text) for text in cells.unique()):
        return pandas().to_numeric(column.where(column != ""))
    return column


def float32(column: Any) -> np.ndarray:
    """float32 [R], as `numbers`; infinite where float32 does not hold a number: where it is too
    large, or a whole number that float32 would round.
    """
    values = numbers(column)
    rounded = as_float32(values)
    is_exact = (rounded == values) | (np.abs(values) <= LARGEST_FLOAT32)
    return np.where(is_exact | (np.floor(values) != values), rounded, np.float32(np.inf))


def as_float32(values: np.ndarray) -> np.ndarray:
    """float32, infinite where a number is too large."""
    with np.errstate(over="ignore", under="ignore"):
        return values.astype(np.float32)
