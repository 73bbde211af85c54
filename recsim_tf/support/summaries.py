"""Summaries of large objects, as text and as a table for notebooks."""

from collections.abc import Mapping
from html import escape

from recsim_tf.support.errors import printable
from recsim_tf.support.tables import text_table

# Signs of a line.
_WIDTH = 100


def summary_text(title: str, rows: Mapping[str, str]) -> str:
    """A title and lines of names and values, each cut to the width of a screen."""
    cells = [[name, printable(value)] for name, value in rows.items()]
    lines = text_table([[title, ""], *cells], left=(0, 1), style="plain").splitlines()
    return "\n".join(_cut(line.rstrip()) for line in lines)


def summary_html(title: str, rows: Mapping[str, str]) -> str:
    """The same as a table of HTML."""
    cells = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(printable(value))}</td></tr>"
        for name, value in rows.items()
    )
    return f"<table><caption>{escape(title)}</caption><tbody>{cells}</tbody></table>"


def _cut(line: str) -> str:
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 3]}..."
