# SPDX-License-Identifier: Apache-2.0
"""Conversion of tables and files to pandas DataFrames."""

import contextlib
import csv
import gzip
import io
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

from recsim_tf.core.base.ranges import shown
from recsim_tf.core.base.validation import check_different
from recsim_tf.logs.tables import parsing
from recsim_tf.logs.tables.parsing import pandas
from recsim_tf.support.errors import one_line, printable

_CSV = (".csv", ".csv.gz", ".csv.zip")
_PARQUET = (".parquet", ".pq")
# The endings of the files that `from_table` reads.
TABLES = (*_CSV, *_PARQUET)
_MOST_LISTED = 20  # columns that an error lists


def column_names(table: Any) -> list[str]:
    """The names of the columns of a table of `from_table`."""
    path = path_of(table)
    if path.endswith(_CSV):
        with _reading_errors(path, "table of separated values"), _opened(path) as file:
            for cells in csv.reader(file):
                if not _is_blank(cells):
                    return cells
            raise ValueError("it is empty")
    return list(as_frame(table).columns)


def path_of(table: Any) -> str:
    """The path of a table that is a file, or ""."""
    return os.fspath(table) if isinstance(table, str | os.PathLike) else ""


def as_frame(
    table: Any, texts: Sequence[str] = (), guessed: Sequence[str] = (), name: str = "table"
) -> Any:
    """The table of `from_table` as a DataFrame with at least one row.

    Args:
      table: the table.
      texts: columns of a file of separated values that are text, see `read_separated`.
      guessed: columns of such a file that are numbers if all values are plain numbers. Else they
        are text, even if a cell such as NA would stand for a missing number in other columns.
      name: the name of the argument, for errors.

    Raises:
      ValueError: for another type of table or file, and a file whose content does not fit its name.
    """
    pd = pandas()
    if path := path_of(table):
        frame = _read(path, [*texts, *guessed])
        if path.endswith(_CSV):
            plain = {
                name: parsing.numbers_of_texts(frame[name]) for name in guessed if name in frame
            }
            frame = frame.assign(**plain)
    elif isinstance(table, pd.DataFrame):
        frame = table
    elif hasattr(table, "to_pandas"):
        frame = table.to_pandas()
    else:
        raise ValueError(
            f"{name} must be a pandas DataFrame, a pyarrow Table or a path, got"
            f" {type(table).__name__}"
        )
    if frame.empty:
        raise ValueError(
            f"{name} must have at least one row and one column, got {frame.shape[0]} rows and"
            f" {frame.shape[1]} columns"
        )
    return frame


def read_separated(path: str, sep: str = ",", texts: Sequence[str] = (), **arguments: Any) -> Any:
    """A file of separated values as a DataFrame.

    Args:
      path: the file.
      sep: the separator of values.
      texts: columns that are read as text without a conversion, NaN for an empty cell. In other
        columns pandas reads texts such as NA and null as empty cells, and texts of numbers as
        numbers.
      **arguments: arguments of `pandas.read_csv`.

    Raises:
      ValueError: for a file that is empty or damaged, or has rows of different lengths.
    """
    pd = pandas()
    with _reading_errors(path, "table of separated values"):
        marked = {name: _Marked() for name in texts}
        converters = {name: each.__getitem__ for name, each in marked.items()}
        frame = pd.read_csv(path, sep=sep, low_memory=False, converters=converters, **arguments)
        for name in frame.columns.intersection(texts):
            plain = {mark: cell or None for cell, mark in marked[name].items()}
            frame[name] = frame[name].map(plain.__getitem__, na_action="ignore")
        if not isinstance(frame.index, pd.RangeIndex):
            raise ValueError("its rows have more values than its header")
        with _opened(path) as file:
            quoting = arguments.get("quoting", csv.QUOTE_MINIMAL)
            lines = csv.reader(file, delimiter=sep, quoting=quoting)
            rows = (row for row in lines if not _is_blank(row))
            if arguments.get("header", "infer") == "infer" and arguments.get("names") is None:
                # pandas renames the second of two columns with the same name.
                frame.columns = next(rows)
            last = frame.iloc[:, -1]
            # pandas reads values that a row lacks as empty cells.
            for number, row in enumerate(rows if (last.isna() | (last == "")).any() else ()):
                if len(row) < len(frame.columns):
                    raise ValueError(
                        f"its row {number} has {len(row)} of {len(frame.columns)} values"
                    )
        return frame


class _Marked(dict[str, str]):
    """Texts with a sign before them, since pandas 3 reads NA and null as empty cells after a
    conversion too. Equal cells share a text, which takes less memory where rows are many.
    """

    def __missing__(self, cell: str) -> str:
        mark = self[cell] = f"={cell}"
        return mark


def line_of_row(path: str, row: int) -> int:
    """The line of a row in a file of separated values, counted from 1; 0 for other files."""
    if not path.endswith(_CSV):
        return 0
    with _opened(path) as file:
        lines = csv.reader(file)
        number, end = -1, 0
        for cells in lines:
            number += not _is_blank(cells)
            if number == row + 1:
                return end + 1
            end = lines.line_num
    return 0


def _is_blank(cells: Sequence[str]) -> bool:
    """True if a line is empty or has only spaces. pandas leaves out such lines."""
    return not cells or (len(cells) == 1 and not cells[0].strip())


def _opened(path: str) -> IO[str]:
    """A file of text, which may be compressed."""
    if path.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            return io.StringIO(archive.read(archive.namelist()[0]).decode("utf-8-sig"), newline="")
    opened: Any = gzip.open if path.endswith(".gz") else open
    return opened(path, "rt", encoding="utf-8-sig", newline="")


def read_columns(path: str, columns: Sequence[str], **arguments: Any) -> Any:
    """A file of separated values as a DataFrame. Types in the header, as in `user_id:token`, are
    left out.

    Args:
      path: the file.
      columns: names of columns that the file must have.
      **arguments: arguments of `read_separated`.

    Raises:
      ValueError: see `read_separated`; and for a missing column or a file without rows.
    """
    frame = read_separated(path, **arguments).rename(columns=lambda name: str(name).split(":")[0])
    check_present(frame, columns, path)
    if frame.empty:
        raise ValueError(f"{path} must have at least one row, got 0")
    return frame


def check_roles(columns: Mapping[str, str], roles: Sequence[str], needed: Sequence[str]) -> None:
    """Raises a ValueError unless all keys of `columns` are in `roles`, all needed roles have a
    column, and no column has two roles.
    """
    if not isinstance(columns, Mapping):
        raise ValueError(f"columns must be a dict of roles and names, got {shown(columns)}")
    unknown = [role for role in columns if role not in roles]
    if unknown:
        raise ValueError(
            f"columns must map some of {', '.join(roles)} to names of columns, got {unknown[0]!r}"
        )
    missing = [role for role in needed if role not in columns]
    if missing:
        raise ValueError(f"columns must name a column for {missing[0]!r}, got {dict(columns)}")
    check_different("columns", list(columns.values()))


def check_present(frame: Any, names: Iterable[str], table: str = "the table") -> None:
    """Raises a ValueError unless a DataFrame has each of these columns once."""
    columns = list(frame.columns)
    for name in names:
        if columns.count(name) != 1:
            problem = "is there twice" if name in columns else "is missing"
            raise ValueError(f"column {name!r} {problem}: {table} has {listed(columns)}")


def listed(names: Sequence[str]) -> str:
    """The names of columns in one line, without the end of a long list."""
    line = printable(", ".join(map(str, names[:_MOST_LISTED])))
    return line if len(names) <= _MOST_LISTED else f"{line} and {len(names) - _MOST_LISTED:,} more"


def _read(path: str, texts: Sequence[str]) -> Any:
    if path.endswith(_CSV):
        return read_separated(path, texts=texts)
    if not path.endswith(_PARQUET):
        raise ValueError(
            f"the name of a table's file must end in one of {', '.join(_CSV + _PARQUET)}, got"
            f" {path}"
        )
    with _reading_errors(path, "Parquet file"):
        # Checksums are verified in files that have them.
        return pandas().read_parquet(path, engine="pyarrow", page_checksum_verification=True)


@contextlib.contextmanager
def _reading_errors(path: str, kind: str) -> Iterator[None]:
    """A context in which a library's errors for a damaged or missing file name it in one line."""
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no file {path}")
    try:
        yield
    except (PermissionError, ImportError):
        raise
    except Exception as error:  # A damaged file can raise anything.
        reason = one_line(error) or type(error).__name__
        raise ValueError(f"{path} is not a {kind}: {reason}") from error
