# SPDX-License-Identifier: Apache-2.0
"""Writes the tables of measurements into README and docs: `make tables`.

A page has a table between the comments `<!-- table NAME -->` and `<!-- end -->`. `tables.py`
describes the table of each name, and the JSON files of benchmarks/results hold its figures.
"""

import json
import math
import re
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tables import TABLES, Table

ROOT = Path(__file__).parent.parent
RESULTS = "benchmarks/results"
_BEGINNING = re.compile(r"^<!-- table ", re.MULTILINE)
_PLACE = re.compile(r"^<!-- table (.*) -->\n(?:(?!<!-- table ).*\n)*?<!-- end -->$", re.MULTILINE)
_FIGURE = re.compile(r"\{(.*?)\}")
# A figure of several leaves.
_STATISTICS: Mapping[str, Callable[[list[float]], float]] = {
    "mean": statistics.fmean,
    "median": statistics.median,
    "error": lambda values: statistics.stdev(values) / math.sqrt(len(values)),
    "largest": lambda values: max(map(abs, values)),
}


class TableError(ValueError):
    """A page, a description or a result file that does not fit the others."""


def pages(root: Path = ROOT) -> list[Path]:
    """The pages that may have tables."""
    return [root / "README.md", *sorted(root.glob("docs/*.md")), *sorted(root.glob("docs/*/*.md"))]


def read_results(folder: Path = ROOT / RESULTS) -> dict[str, Any]:
    """The leaves of all result files by their paths, such as "speed_peers/figures/iev_vs_jax"."""
    results = {}
    for path in sorted(folder.glob("*.json")):
        results |= _leaves(path.stem, json.loads(path.read_text(encoding="utf-8")))
    return results


def written(page: str, text: str, results: Mapping[str, Any]) -> str:
    """The text of a page with its tables up to date.

    Args:
      page: the name of the page, for errors.
      text: the text of the page.
      results: the leaves of the result files by their paths.

    Raises:
      TableError: if a marker, a description or a leaf is missing.
    """

    def table(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in TABLES:
            raise TableError(f"{page}: docs/tables describes no table {name!r}")
        try:
            lines = rendered(TABLES[name], results)
        except TableError as error:
            raise TableError(f"{page}: table {name!r}: {error}") from error
        return "\n".join([f"<!-- table {name} -->", *lines, "<!-- end -->"])

    new, count = _PLACE.subn(table, text)
    if count != len(_BEGINNING.findall(text)):
        raise TableError(f"{page}: a table has no line '<!-- end -->'")
    return new


def rendered(table: Table, results: Mapping[str, Any]) -> list[str]:
    """The lines of a table in Markdown."""
    num_labels = table.label.count("|") + 1
    rule = "|---" * num_labels + "|---:" * len(table.columns) + "|"
    rows = [
        [label, *(_cell(cell.replace("@", key), results) for cell in table.columns.values())]
        for label, key in table.rows.items()
    ]
    for column, cells in zip(table.columns, list(zip(*rows, strict=True))[1:], strict=True):
        if not any(cells):
            raise TableError(f"no row has the column {column!r}")
    header, *lines = (f"| {' | '.join(row)} |" for row in ([table.label, *table.columns], *rows))
    return [header, rule, *lines]


def number(value: Any, form: str = "") -> str:
    """A leaf as text: with a format of Python, or with three significant digits or whole units."""
    if value is None or value != value:  # NaN: there was nothing to count.
        return ""
    if isinstance(value, str) or form:
        return format(value, form)
    if not value or isinstance(value, int):
        return f"{value:,.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def _cell(text: str, results: Mapping[str, Any]) -> str:
    """A cell with its figures. A text that begins with "?" is empty where a leaf is missing."""
    try:
        return _FIGURE.sub(lambda match: _figure(match.group(1), results), text.removeprefix("?"))
    except TableError:
        if text.startswith("?"):
            return ""
        raise


def _figure(text: str, results: Mapping[str, Any]) -> str:
    """A figure that is described by `[STATISTIC ]PATH[ / DIVISOR][:FORMAT]`."""
    path, _, form = text.partition(":")
    path, _, divisor = path.partition(" / ")
    statistic, _, rest = path.partition(" ")
    if statistic in _STATISTICS:
        pattern = re.compile(re.escape(rest).replace(r"\*", "[^/]*"))
        values = [value for leaf, value in results.items() if pattern.fullmatch(leaf)]
        if not values:
            raise TableError(f"no leaf of {RESULTS} has a path like {rest!r}")
        value = _STATISTICS[statistic](values)
    elif path in results:
        value = results[path]
    else:
        raise TableError(f"no leaf of {RESULTS} has the path {path!r}")
    return number(value / float(divisor) if divisor else value, form)


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The paths and the values of all that is neither a dictionary nor a list."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in items:
            yield from _leaves(f"{path}/{key}", each)
    else:
        yield path, value


def main() -> None:
    """Writes the tables of all pages, and names the pages that changed."""
    results = read_results()
    try:
        texts = {path: path.read_text(encoding="utf-8") for path in pages()}
        new = {path: written(str(path.relative_to(ROOT)), texts[path], results) for path in texts}
    except TableError as error:
        sys.exit(f"make tables: {error}")
    for path in (path for path in texts if new[path] != texts[path]):
        path.write_text(new[path], encoding="utf-8")
        print(f"{path.relative_to(ROOT)} has new figures")


if __name__ == "__main__":
    main()
