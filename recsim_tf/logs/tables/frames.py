"""Tables and files as pandas DataFrames."""

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


def column_names(table: Any) -> list[str]:
    """The names of the columns of a table of `from_table`."""
    path = path_of(table)
    if path.endswith(_CSV):
        with _faults_told(path, "table of separated values"), _opened(path) as file:
            return next(csv.reader(file))
    return list(as_frame(table).columns)


def path_of(table: Any) -> str:
    """The path of a table that is a file, else ""."""
    return os.fspath(table) if isinstance(table, str | os.PathLike) else ""


def as_frame(table: Any, texts: Sequence[str] = (), guessed: Sequence[str] = ()) -> Any:
    """The table of `from_table` as a DataFrame with at least one row.

    Args:
      table: the table.
      texts: columns of a file of separated values that are text, see `read_separated`.
      guessed: columns of such a file that are numbers where all values are plain numbers, and else
        text, also where a text such as NA stands for a missing number elsewhere.

    Raises:
      ValueError: for another type of table or file, and a file that cannot be read as what its name
        says.
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
            "table must be a pandas DataFrame, a pyarrow Table or a path, got"
            f" {type(table).__name__}"
        )
    if frame.empty:
        raise ValueError(
            f"table must have at least one row and one column, got {frame.shape[0]} rows and"
            f" {frame.shape[1]} columns"
        )
    return frame


def read_separated(path: str, sep: str = ",", texts: Sequence[str] = (), **arguments: Any) -> Any:
    """A file of separated values as a DataFrame.

    Args:
      path: the file.
      sep: what separates the values.
      texts: columns that are read as they stand, NaN where a cell is empty. In other columns pandas
        takes texts such as NA and null for empty cells, and texts that read as numbers for numbers.
      **arguments: of `pandas.read_csv`.

    Raises:
      ValueError: for a file that is empty, damaged or has rows of different lengths.
    """
    pd = pandas()
    with _faults_told(path, "table of separated values"):
        converters = dict.fromkeys(texts, _text_or_nothing)
        frame = pd.read_csv(path, sep=sep, low_memory=False, converters=converters, **arguments)
        if not isinstance(frame.index, pd.RangeIndex):
            raise ValueError("its rows have more values than its header")
        with _opened(path) as file:
            quoting = arguments.get("quoting", csv.QUOTE_MINIMAL)
            lines = csv.reader(file, delimiter=sep, quoting=quoting)
            rows = (row for row in lines if not _is_blank(row))
            if arguments.get("header", "infer") == "infer" and arguments.get("names") is None:
                # pandas renames the second of two columns of one name.
                frame.columns = next(rows)
            last = frame.iloc[:, -1]
            # pandas takes values that a row lacks for empty ones.
            for number, row in enumerate(rows if (last.isna() | (last == "")).any() else ()):
                if len(row) < len(frame.columns):
                    raise ValueError(
                        f"its row {number} has {len(row)} of {len(frame.columns)} values"
                    )
        return frame


def _text_or_nothing(cell: str) -> Any:
    return cell or None


def line_of_row(path: str, row: int) -> int:
    """The line of a file of separated values on which a row of its table begins, counted from 1; 0
    for other files.
    """
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
    """Whether a line has nothing or spaces alone, which pandas leaves out."""
    return not cells or (len(cells) == 1 and not cells[0].strip())


def _opened(path: str) -> IO[str]:
    """A file of text, which may be compressed."""
    if path.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            return io.StringIO(archive.read(archive.namelist()[0]).decode("utf-8-sig"), newline="")
    opened: Any = gzip.open if path.endswith(".gz") else open
    return opened(path, "rt", encoding="utf-8-sig", newline="")


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
    """Raises a ValueError unless all roles of columns are known, those needed are there, and no
    column has two roles.
    """
    if not isinstance(columns, Mapping):
        raise ValueError(f"columns must be a dict of roles and names, got {shown(columns)}")
    unknown = [role for role in columns if role not in known]
    if unknown:
        raise ValueError(
            f"columns must map some of {', '.join(known)} to names of columns, got {unknown[0]!r}"
        )
    missing = [role for role in needed if role not in columns]
    if missing:
        raise ValueError(f"columns must name a column for {missing[0]!r}, got {dict(columns)}")
    check_different("columns", list(columns.values()))


def check_present(frame: Any, names: Iterable[str], table: str = "the table") -> None:
    """Raises a ValueError unless a DataFrame has each of these columns once."""
    found = list(frame.columns)
    for name in names:
        if found.count(name) != 1:
            problem = "is there twice" if name in found else "is missing"
            there = printable(", ".join(map(str, found)))
            raise ValueError(f"column {name!r} {problem}: {table} has {there}")


def _read(path: str, texts: Sequence[str]) -> Any:
    if path.endswith(_CSV):
        return read_separated(path, texts=texts)
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
