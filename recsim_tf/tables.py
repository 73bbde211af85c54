"""Tables of text, for screens and for Markdown."""

from collections.abc import Collection, Sequence

from tabulate import tabulate


def text_table(rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> str:
    """A table for a screen. The first row is its head, and the columns `left` stand left."""
    return _table(rows, "simple", left)


def plain_table(rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> str:
    """As `text_table`, without a line under the head."""
    return _table(rows, "plain", left)


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown. The first row is its head, and the first column stands left."""
    return _table([[cell.replace("|", "\\|") for cell in row] for row in rows], "pipe", (0,))


def _table(rows: Sequence[Sequence[str]], style: str, left: Collection[int]) -> str:
    return tabulate(
        rows,
        headers="firstrow",
        tablefmt=style,
        # Cells are as they shall be: no digit is lost, and no space.
        disable_numparse=True,
        preserve_whitespace=True,
        colalign=["left" if column in left else "right" for column in range(len(rows[0]))],
    )
