"""Files that appear whole or not at all, whenever a process is killed."""

import contextlib
import csv
import io
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# The end of the name of a file that is being written; one that a kill leaves counts as nothing.
UNFINISHED = ".new"


def write_text(path: Path, text: str) -> None:
    """Replaces a file in one step, so that a kill leaves the old or the new one; creates its
    folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + UNFINISHED)
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def write_json(path: Path, content: Any) -> None:
    """Replaces a JSON file in one step."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_csv(path: Path, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Replaces a CSV file, a line of column names and the rows, in one step."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def append_json(path: Path, row: dict[str, Any]) -> None:
    """Adds a line to a file of JSON lines."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def parse_json_lines(lines: Iterable[str | bytes]) -> list[dict[str, Any]]:
    """The rows of JSON lines, without a line that a kill left half written."""
    rows = []
    for line in lines:
        with contextlib.suppress(json.JSONDecodeError):
            rows.append(json.loads(line))
    return rows
