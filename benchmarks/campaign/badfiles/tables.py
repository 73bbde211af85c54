"""Damaged and impossible tables."""

import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from campaign.badfiles import damage
from campaign.badfiles.cases import Case

from recsim_tf.fitting.logs import from_table

_COLUMNS = {
    name: name
    for name in ("session", "step", "position", "document", "clicked", "engagement", "propensity")
}
_ROWS = [
    (
        session,
        step,
        position,
        f"d{(session + step + position) % 5}",
        int(position == step),
        1.5,
        0.25,
    )
    for session in range(2)
    for step in range(2)
    for position in range(2)
]
_LONG = "9" * 400
_NO_NUMBER = ("abc", "nan", "inf", "1e400", _LONG, "[]", "2020-01-01")
# What no column of this role may hold.
_BAD = {
    "session": ("", "nan"),
    "step": (*_NO_NUMBER, "", "0.5", "9007199254740993.0", "1e30"),
    "position": (*_NO_NUMBER, "", "-1", "0.5", "7", "1e30", "99999999999"),
    "document": ("", "nan"),
    "clicked": (*_NO_NUMBER, "", "2", "-1", "0.5"),
    "engagement": ("abc", "inf", "-inf", "1e39", _LONG),
    "propensity": (*_NO_NUMBER, "", "0", "-0.5", "1.5", "1e-60"),
}
_TIMES = ("abc", "", "inf", "1e400", _LONG, "2020-13-45", "99999-01-01", "[]")
_ARGUMENTS = {
    "slate_size": (0, -1, 10**11, 2**70, 1),
    "document_ids": (["d0", "d0"], ["x"], []),
    "first_position": (5, -1),
    "attributes": (("missing",), ("document",)),
    "columns": ({}, {"session": "session"}, {**_COLUMNS, "who": "session"}, {"step": "gone"}),
}


def cases(folder: Path) -> Iterator[tuple[Case, Any]]:
    """Each case, and the content of the table that was damaged."""
    text = _csv(_ROWS)
    packed = {
        "bad.csv.gz": gzip.compress(text.encode(), mtime=0),
        "bad.csv.zip": _zipped(text),
        "bad.parquet": _parquet(),
    }
    for file, whole in packed.items():
        content = _flat(_read(folder, file, whole, {}))
        for kind, changes in (
            ("cut", damage.cuts(whole, 25)),
            ("bit flipped", damage.flips(whole, damage.spread(40, len(whole)))),
        ):
            for what, changed in changes:
                yield _case(folder, f"archive {kind}", f"{file} {what}", file, changed), content
    content = _flat(_read(folder, "bad.csv", text.encode(), {}))
    for kind, what, changed, columns in (*_other_tables(), *_other_values()):
        named = ("bad.csv", "column", *columns)
        yield _case(folder, f"table: {kind}", what, "bad.csv", changed, named), content
    for name, values in _ARGUMENTS.items():
        for value in values:
            read = _reader(folder, "bad.csv", text.encode(), {name: value})
            named = ("column", name) if name in ("columns", "attributes") else (name, "column")
            yield Case("table: argument", f"{name} = {value!r}"[:80], read, named), content


def _case(
    folder: Path, kind: str, what: str, file: str, content: bytes, named: tuple[str, ...] = ()
) -> Case:
    return Case(kind, what, _reader(folder, file, content, {}), named or (file, "table", "column"))


def _reader(folder: Path, file: str, content: bytes, arguments: dict[str, Any]) -> Callable:
    return lambda: _flat(_read(folder, file, content, arguments))


def _read(folder: Path, file: str, content: bytes, arguments: dict[str, Any]) -> Any:
    path = folder / file
    path.write_bytes(content)
    header = content.partition(b"\n")[0]
    time = {"timestamp": "time"} if b"time" in header and file.endswith(".csv") else {}
    return from_table(path, **{"columns": {**_COLUMNS, **time}, **arguments})


def _flat(table: Any) -> list:
    """All arrays; a table that was read in another order is another one."""
    log = table.log._replace(response=table.log.response)
    return [*filter(lambda leaf: not isinstance(leaf, tuple), log), table.document_ids]


def _csv(rows: list[tuple], names: tuple[str, ...] = tuple(_COLUMNS)) -> str:
    return "\n".join(",".join(map(str, row)) for row in [names, *rows]) + "\n"


def _zipped(text: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("log.csv"), text)
    return stream.getvalue()


def _parquet() -> bytes:
    stream = io.BytesIO()
    frame = pd.DataFrame(_ROWS, columns=list(_COLUMNS))
    frame.to_parquet(stream, engine="pyarrow", write_page_checksum=True)
    return stream.getvalue()


def _other_tables() -> Iterator[tuple[str, str, bytes, tuple[str, ...]]]:
    """Kind, what was done, the file, and the columns that a message may name."""
    names, text = tuple(_COLUMNS), _csv(_ROWS)
    yield "content", "nothing", b"", ()
    yield "content", "no rows", _csv([]).encode(), ()
    yield "content", "a line break", b"\n", ()
    yield "content", "more values than the header", (text + "1,2,3,4,5,6,7,8,9\n").encode(), ()
    more = _csv([(*row, 1) for row in _ROWS])
    yield "content", "all rows have a value more", more.encode(), ()
    yield "content", "zero bytes", bytes(200), ()
    yield "content", "an open quotation mark", text.replace("d1", '"d1', 1).encode(), ()
    yield "encoding", "UTF-16", text.encode("utf-16"), ()
    yield "encoding", "Latin-1", text.replace("d1", "d\xe9").encode("latin-1"), ()
    yield "encoding", "gzip named .csv", gzip.compress(text.encode()), ()
    for place, name in enumerate(names):
        without = [row[:place] + row[place + 1 :] for row in _ROWS]
        fewer = names[:place] + names[place + 1 :]
        yield "columns", f"{name} removed", _csv(without, fewer).encode(), (name,)
        renamed = tuple(f"{each}_" if each == name else each for each in names)
        yield "columns", f"{name} renamed", _csv(_ROWS, renamed).encode(), (name,)
        twice = _csv([(*row, row[place]) for row in _ROWS], (*names, name))
        yield "columns", f"{name} twice", twice.encode(), (name,)


def _other_values() -> Iterator[tuple[str, str, bytes, tuple[str, ...]]]:
    names = tuple(_COLUMNS)
    for place, name in enumerate(names):
        for value in _BAD[name]:
            for number in (0, 4):
                rows = [list(row) for row in _ROWS]
                rows[number][place] = value
                shown = value if len(value) < 30 else f"{len(value)} digits"
                yield (
                    "value",
                    f"{name} is {shown!r} in row {number}",
                    _csv([tuple(row) for row in rows]).encode(),
                    (name,),
                )
    for value in _TIMES:
        rows = [(*row, value if number == 3 else number) for number, row in enumerate(_ROWS)]
        shown = value if len(value) < 30 else f"{len(value)} digits"
        yield "value", f"time is {shown!r}", _csv(rows, (*names, "time")).encode(), ("time",)
    for name in ("step", "position"):
        place = names.index(name)
        rows = [list(row) for row in _ROWS]
        rows[1][place] = rows[0][place] if name == "position" else 2**63
        yield "value", f"{name} of two rows", _csv([tuple(row) for row in rows]).encode(), (name,)
