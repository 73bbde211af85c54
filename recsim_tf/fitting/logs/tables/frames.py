"""Tables and files as pandas DataFrames; pandas is imported when it is first needed."""

import contextlib
import importlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from recsim_tf.support.errors import one_line

_CSV = (".csv", ".csv.gz", ".csv.zip")
_PARQUET = (".parquet", ".pq")


def pandas() -> Any:
    """The module pandas; an ImportError if it is not installed."""
    try:
        return importlib.import_module("pandas")
    except ImportError as missing:
        raise ImportError(
            "recsim_tf.fitting.logs needs pandas 2: install recsim-tf[fitting]"
        ) from missing


def as_frame(table: Any) -> Any:
    """The table of `from_table` as a DataFrame with at least one row. Raises a ValueError for
    another type of table or file, and a file that cannot be read as what its name says.
    """
    pd = pandas()
    if isinstance(table, str | os.PathLike):
        frame = _read(os.fspath(table))
    elif isinstance(table, pd.DataFrame):
        frame = table
    elif hasattr(table, "to_pandas"):
        frame = table.to_pandas()
    else:
        raise ValueError(
            "table must be a pandas DataFrame, a pyarrow Table or a path, got"
            f" {type(table).__name__}"
        )
    if frame.empty:
        raise ValueError(
            f"table must have at least one row and one column, got {frame.shape[0]} rows and"
            f" {frame.shape[1]} columns"
        )
    return frame


def read_separated(path: str, **arguments: Any) -> Any:
    """A file of separated values as a DataFrame, with arguments of `pandas.read_csv`. Raises a
    ValueError for a file that is empty, damaged or has rows of different lengths.
    """
    pd = pandas()
    with _faults_told(path, "table of separated values"):
        frame = pd.read_csv(path, low_memory=False, **arguments)
        if not isinstance(frame.index, pd.RangeIndex):
            raise ValueError("its rows have more values than its header")
        return frame


def read_columns(path: str, columns: Sequence[str], **arguments: Any) -> Any:
    """A file of separated values as a DataFrame that has these columns and at least one row. Types
    in the header, as in `user_id:token`, are left out. Raises the errors of `read_separated`, and a
    ValueError for a missing column or a file without rows.
    """
    frame = read_separated(path, **arguments).rename(columns=lambda name: str(name).split(":")[0])
    check_present(frame, columns, path)
    if frame.empty:
        raise ValueError(f"{path} must have at least one row, got 0")
    return frame


def check_roles(columns: Mapping[str, str], known: Sequence[str], needed: Sequence[str]) -> None:
    """Raises a ValueError unless all roles of columns are known and those needed are there."""
    unknown = [role for role in columns if role not in known]
    if unknown:
        raise ValueError(
            f"columns must map some of {', '.join(known)} to names of columns, got {unknown[0]!r}"
        )
    missing = [role for role in needed if role not in columns]
    if missing:
        raise ValueError(f"columns must name a column for {missing[0]!r}, got {dict(columns)}")


def check_present(frame: Any, names: Iterable[str], table: str = "the table") -> None:
    """Raises a ValueError unless a DataFrame has each of these columns once."""
    found = list(frame.columns)
    for name in names:
        if found.count(name) != 1:
            problem = "is there twice" if name in found else "is missing"
            raise ValueError(f"column {name!r} {problem}: {table} has {', '.join(map(str, found))}")


def _read(path: str) -> Any:
    if path.endswith(_CSV):
        return read_separated(path)
    if not path.endswith(_PARQUET):
        raise ValueError(
            f"the name of a table's file must end in one of {', '.join(_CSV + _PARQUET)}, got"
            f" {path}"
        )
    with _faults_told(path, "Parquet file"):
        # Not every file has checksums.
        return pandas().read_parquet(path, engine="pyarrow", page_checksum_verification=True)


@contextlib.contextmanager
def _faults_told(path: str, kind: str) -> Iterator[None]:
    """Tells what a library raises for a damaged or missing file in one line with its name."""
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no file {path}")
    try:
        yield
    except (PermissionError, ImportError):
        raise
    except Exception as error:  # A damaged file can raise anything.
        reason = one_line(error) or type(error).__name__
        raise ValueError(f"{path} is no {kind}: {reason}") from error
