# SPDX-License-Identifier: Apache-2.0
"""Summaries of large objects as text and for notebooks, and other tables for notebooks."""

from collections.abc import Collection, Mapping, Sequence
from html import escape

from recsim_tf.support.errors import printable

# The number of characters of a line.
_WIDTH = 100


def summary_text(title: str, rows: Mapping[str, str]) -> str:
    """A title and lines of names and values, each cut to the width of a screen."""
    width = max(len(title) + 2, *map(len, rows))
    lines = [f"{name:{width}}  {printable(value)}".rstrip() for name, value in rows.items()]
    return "\n".join(map(_cut, [title, *lines]))


def summary_html(title: str, rows: Mapping[str, str]) -> str:
    """A title and names and values as a table of HTML."""
    cells = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(printable(value))}</td></tr>"
        for name, value in rows.items()
    )
    return f"<table><caption>{escape(title)}</caption><tbody>{cells}</tbody></table>"


def table_html(title: str, rows: Sequence[Mapping[str, str]], left: Collection[int] = (0,)) -> str:
    """A table of HTML with a title, from rows of cells by column. The columns `left` stand left, as
    in `text_table`. The result is empty without rows.
    """
    if not rows:
        return ""

    def line(tag: str, cells: Sequence[str]) -> str:
        sides = ["left" if column in left else "right" for column in range(len(cells))]
        return "".join(
            f'<{tag} style="text-align: {side}">{escape(printable(cell))}</{tag}>'
            for side, cell in zip(sides, cells, strict=True)
        )

    head = f"<thead><tr>{line('th', list(rows[0]))}</tr></thead>"
    body = "".join(f"<tr>{line('td', list(row.values()))}</tr>" for row in rows)
    return f"<table><caption>{escape(title)}</caption>{head}<tbody>{body}</tbody></table>"


def _cut(line: str) -> str:
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 3]}..."
