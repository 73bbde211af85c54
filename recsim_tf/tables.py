"""Tables of text, for screens and for Markdown."""

from collections.abc import Sequence

from tabulate import tabulate


def text_table(rows: Sequence[Sequence[str]]) -> str:
    """A table for a screen. The first row is its head, and the first column stands left."""
    return _table(rows, "simple")


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown. The first row is its head, and the first column stands left."""
    return _table([[cell.replace("|", "\\|") for cell in row] for row in rows], "pipe")


def _table(rows: Sequence[Sequence[str]], style: str) -> str:
    return tabulate(
        rows,
        headers="firstrow",
        tablefmt=style,
        # Cells are as they shall be: no digit is lost, and no space.
        disable_numparse=True,
        preserve_whitespace=True,
        colalign=("left", *["right"] * (len(rows[0]) - 1)),
    )
