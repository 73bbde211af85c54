# SPDX-License-Identifier: Apache-2.0
"""Tables of text, for screens and for Markdown, frames of pandas, and their numbers and names."""

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

_MINUS = "\N{MINUS SIGN}"


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown. The first row is its head, and the first column stands left."""
    return text_table([[cell.replace("|", "\\|") for cell in row] for row in rows], style="pipe")


def text_table(
    rows: Sequence[Sequence[str]] | Sequence[Mapping[str, str]],
    left: Collection[int] = (0,),
    style: str = "simple",
) -> str:
    """A table for a screen. Its head is the first row, or the names of cells. The columns `left`
    stand left. The style "plain" has no line under the head. Raises an ImportError if tabulate is
    not installed.
    """
    try:
        from tabulate import tabulate
    except ImportError as missing:
        raise ImportError(
            "tables need tabulate: install recsim-tf[agents] or recsim-tf[fitting]"
        ) from missing
    return tabulate(
        rows,
        headers="keys" if isinstance(rows[0], Mapping) else "firstrow",
        tablefmt=style,
        # Cells are not changed, so no digit and no space is lost.
        disable_numparse=True,
        preserve_whitespace=True,
        colalign=["left" if column in left else "right" for column in range(len(rows[0]))],
    )


def frame(rows: Sequence[Mapping[str, Any]]) -> Any:
    """A DataFrame of rows that have all columns. Raises an ImportError without pandas."""
    try:
        import pandas
    except ImportError as missing:
        raise ImportError("to_frame needs pandas: install recsim-tf[fitting]") from missing
    return pandas.DataFrame(rows)


def number(value: Any) -> str:
    """The text of a cell of a table. Texts are not changed, counts have separators, other numbers
    have four digits, and a missing value is a dash.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "\N{EN DASH}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return _typeset(f"{value:#.4g}".rstrip("."))
    return str(value)


def fixed(value: float | None, digits: int = 4) -> str:
    """A number with a fixed number of decimals, and separators."""
    return number(None) if value is None or math.isnan(value) else _typeset(f"{value:,.{digits}f}")


def signed(value: float, digits: int = 4) -> str:
    """A number with its sign and a fixed number of decimals."""
    if math.isnan(value):
        return number(None)
    return _typeset(f"{round(value, digits) + 0.0:+,.{digits}f}")


def gained(value: float) -> str:
    """A number with its sign and four digits."""
    if math.isnan(value):
        return number(None)
    return _typeset(f"{value + 0.0:+.4g}")


def per_cent(part: float) -> str:
    """A part of a whole in per cent, with its sign and three digits."""
    if math.isnan(part):
        return number(None)
    digits = "#.3g" if abs(part) < 1 else ",.0f"
    return _typeset(f"{format(100 * part + 0.0, f'+{digits}').rstrip('.')}%")


def share(part: float) -> str:
    """A part of a whole in per cent, with two digits."""
    return f"{float(f'{100 * part:.2g}'):g}%"


def label(name: str) -> str:
    """The name of a statistic in words."""
    return name.replace("/", ": ").replace("_", " ")


def _typeset(text: str) -> str:
    return text.replace("-", _MINUS).replace("inf", "\N{INFINITY}")


def short_names(names: Iterable[str]) -> dict[str, str]:
    """The shortest last part of each binding's name that no other name ends with, such as "target"
    for "SlateQTargets.target".
    """
    names = list(dict.fromkeys(names))
    return {
        name: next(
            (
                end
                for end in _ends(name)
                if not any(end in _ends(each) for each in names if each != name)
            ),
            name,
        )
        for name in names
    }


def _ends(name: str) -> Sequence[str]:
    """The last parts of a name, from the shortest to the whole."""
    starts = [match.end() for match in re.finditer(r"[./]", name)]
    return [name[start:] for start in [*reversed(starts), 0]]
