"""Columns of a table as arrays; what cannot be read is NaN or -1, for the caller to refuse with its
row.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from recsim_tf.logs.tables.frames import pandas

# Below it float64 holds every whole number.
LARGEST_WHOLE = 2**53 - 1
_FLAGS = {"true": 1, "false": 0}


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
    """bool [R]: which numbers are whole, and so small that they are no other number's rounding."""
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


def timestamps(column: Any) -> tuple[np.ndarray, np.ndarray]:
    """Points in time that can be compared, float64 or int64 [R], numbers as they are or dates as
    nanoseconds since 1970 in UTC; and where there is one, bool [R].
    """
    pd = pandas()
    if not pd.api.types.is_datetime64_any_dtype(column):
        values = exact_numbers(column)
        if np.isfinite(values).all() or pd.api.types.is_numeric_dtype(column):
            return values, np.isfinite(values)
        # ISO text. Where neither reads all rows, the reading with fewer faults tells which ones
        # they are.
        dates = pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601")
        if dates.isna().sum() > (~np.isfinite(values)).sum():
            return values, np.isfinite(values)
        column = dates
    dates = pd.to_datetime(column, utc=True).dt.tz_localize(None)
    return dates.to_numpy("datetime64[ns]").astype(np.int64), dates.notna().to_numpy()


def are_dates(column: Any) -> bool:
    """Whether `timestamps` takes a column for dates."""
    is_numeric = pandas().api.types.is_numeric_dtype(column)
    return not is_numeric and not np.isfinite(numbers(column)).all()


def codes(
    column: Any, vocabulary: Iterable | None = None, ordered: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Ids, numbers or text, as positions in a vocabulary, int64 [R], -1 for what is missing or not
    in it; and the vocabulary [D]: by default the ids of the column, in order of first appearance,
    or sorted where `ordered`.
    """
    pd = pandas()
    # Cells that cannot be an id count as missing.
    if column.dtype.kind == "f":
        column = column.where(np.abs(column) <= LARGEST_WHOLE)
    elif column.dtype == object:
        column = column.where(column.map(lambda cell: isinstance(cell, Hashable)).astype(bool))
    if vocabulary is None:
        positions, ids = pd.factorize(column, sort=ordered, use_na_sentinel=True)
        return positions.astype(np.int64), np.asarray(ids)
    index = pd.Index(vocabulary)
    return np.where(column.isna(), -1, index.get_indexer(pd.Index(column))), np.asarray(index)


def with_ids_alike(frame: Any, names: Sequence[str]) -> Any:
    """The table with columns of ids of one kind. Where some are text, numbers of the others are
    text too: a file has the text 7 in a column with other texts, and the number 7.0 in a column of
    numbers of which some are empty.
    """
    is_number = [frame[name].dtype.kind in "iuf" for name in names]
    if all(is_number) or not any(frame[name].dtype == object for name in names):
        return frame
    numbers_as_text = {
        name: frame[name].astype(object).map(lambda cell: f"{cell:.17g}", na_action="ignore")
        for name, is_one in zip(names, is_number, strict=True)
        if is_one and frame[name].notna().any()
    }
    return frame.assign(**numbers_as_text)


def float32(column: Any) -> np.ndarray:
    """float32 [R], as `numbers`, infinite where a number is too large."""
    return as_float32(numbers(column))


def as_float32(values: np.ndarray) -> np.ndarray:
    """float32, infinite where a number is too large."""
    with np.errstate(over="ignore", under="ignore"):
        return values.astype(np.float32)
