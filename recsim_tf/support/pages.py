# SPDX-License-Identifier: Apache-2.0
"""Reports with sections of sentences, tables and charts, as a page of HTML.

    page(
        "Two agents",
        [
            Section("Returns", ["Of three seeds.", Table([{"agent": "SlateQ", "return": 279.2}])]),
            Section("Training", [Chart(png, "The return rises from 160 to 279.")]),
        ],
    )

A page is one file, without scripts and external links. `page.html` is its template and style. This
module escapes all text.
"""

import base64
import itertools
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any, NamedTuple, TypeAlias

import tensorflow as tf

from recsim_tf._version import __version__
from recsim_tf.support.errors import printable_lines
from recsim_tf.support.tables import number

# Charts of more pixels have a row of their own.
_WIDE = 700
_SECTION_END = "</section>"
_TEMPLATE = Path(__file__).with_name("page.html")


class Note(str):
    """A paragraph in small print. An ordinary paragraph is a `str`."""


class Code(str):
    """Lines of code, which are not wrapped."""


class Marked(str):
    """A line of a cell that stands out."""


class Table(NamedTuple):
    """A table of rows, which are cells by column. The first column holds names.

    A cell is a text, a number, None for a missing value, or a list of lines, which are texts and
    other parts.
    """

    rows: Sequence[Mapping[str, Any]]


class Chart(NamedTuple):
    """A chart as a PNG, with a description for readers who cannot see it."""

    png: bytes
    words: str
    caption: str = ""


class Details(NamedTuple):
    """Parts that a page shows when the reader asks for them."""

    summary: str
    parts: Sequence[Any]  # each a `Part`


Part: TypeAlias = str | Table | Chart | Details


class Section(NamedTuple):
    """A section with a heading, which no other section has, and parts."""

    heading: str
    parts: Sequence[Part]


def page(title: str, sections: Sequence[Section], introduction: Sequence[Part] = ()) -> str:
    """A report as HTML, with an introduction below the title and links to the sections."""
    links = [f'<a href="#{_identifier(each)}">{_escaped(each.heading)}</a>' for each in sections]
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=_escaped(title),
        introduction=_html(introduction),
        links=f"<nav>{' '.join(links)}</nav>" if len(links) > 1 else "",
        sections="\n".join(map(_section, sections)),
        versions=f"recsim_tf {__version__}, TensorFlow {tf.__version__}",
    )


def with_sections(html: str, sections: Sequence[Section]) -> str:
    """A page from `page`, with new sections in place of the sections with the same headings. Raises
    a ValueError if the page has no section of a heading.
    """
    for section in sections:
        start = html.find(f'<section id="{_identifier(section)}">')
        end = html.find(_SECTION_END, start)
        if start < 0 or end < 0:
            raise ValueError(f"html must have a section {section.heading!r}, got no such section")
        html = html[:start] + _section(section) + html[end + len(_SECTION_END) :]
    return html


def _section(section: Section) -> str:
    head = f'<section id="{_identifier(section)}">\n<h2>{_escaped(section.heading)}</h2>\n'
    return f"{head}{_html(section.parts)}\n{_SECTION_END}"


def _escaped(text: str) -> str:
    """A text for HTML, in which control characters are seen, also those that turn its direction."""
    return escape(printable_lines(text))


def _identifier(section: Section) -> str:
    return re.sub(r"\W+", "-", section.heading.lower()).strip("-")


def _html(parts: Sequence[Part]) -> str:
    """Parts as HTML, below each other, but with charts side by side."""
    html = []
    for are_charts, several in itertools.groupby(parts, lambda part: isinstance(part, Chart)):
        text = "\n".join(map(_part, several))
        html.append(f'<div class="charts">\n{text}\n</div>' if are_charts else text)
    return "\n".join(html)


def _part(part: Part) -> str:
    if isinstance(part, Table):
        return _table(part)
    if isinstance(part, Chart):
        return _chart(part)
    if isinstance(part, Details):
        summary = f"<summary>{_escaped(part.summary)}</summary>"
        return f"<details>{summary}\n{_html(part.parts)}\n</details>"
    return f"<pre>{_escaped(part)}</pre>" if isinstance(part, Code) else _text("p", part)


def _chart(chart: Chart) -> str:
    data = base64.b64encode(chart.png).decode("ascii")
    image = f'<img src="data:image/png;base64,{data}" alt="{_escaped(chart.words)}">'
    caption = f"<figcaption>{_escaped(chart.caption)}</figcaption>\n" if chart.caption else ""
    # These bytes of a PNG hold its width.
    width = int.from_bytes(chart.png[16:20], "big")
    kind = ' class="wide"' if width > _WIDE else ""
    return f"<figure{kind}>\n{image}\n{caption}</figure>"


def _text(tag: str, text: str) -> str:
    kinds = {Note: ' class="note"', Marked: ' class="marked"'}
    return f"<{tag}{kinds.get(type(text), '')}>{_escaped(text)}</{tag}>"


def _table(table: Table) -> str:
    if not table.rows:
        return ""
    head = "".join(
        f'<th scope="col"{_kind(cell)}>{_escaped(column)}</th>'
        for column, cell in table.rows[0].items()
    )
    rows = [
        f"<tr>{''.join(_cell(column, cell) for column, cell in row.items())}</tr>"
        for row in table.rows
    ]
    return (
        f'<div class="table">\n<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n'
        + "\n".join(rows)
        + "\n</tbody>\n</table>\n</div>"
    )


def _cell(column: str, cell: Any) -> str:
    if isinstance(cell, list):
        html = "".join(
            _text("div", line) if isinstance(line, str) else _part(line) for line in cell
        )
    else:
        html = _escaped(number(cell))
    return f'<td data-column="{_escaped(column)}"{_kind(cell)}>{html}</td>'


def _kind(cell: Any) -> str:
    return ' class="lines"' if isinstance(cell, list) else ""
