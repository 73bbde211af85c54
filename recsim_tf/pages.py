"""Pages of HTML: text, tables and plots, light or dark as the reader has it. All text is escaped
here.
"""

import base64
from collections.abc import Sequence
from html import escape
from string import Template
from typing import Any

from recsim_tf.formats import number

_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --soft: #555; --line: #ccc; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e4e2; --paper: #17191d; --soft: #a5a9b1; --line: #41464f; } }
body { max-width: 58rem; margin: 2.5rem auto; padding: 0 1.5rem; color: var(--ink);
  background: var(--paper);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .4rem; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .6rem; padding-bottom: .25rem;
  border-bottom: 1px solid var(--line); }
p { margin: .6rem 0; max-width: 46rem; }
nav, footer, figcaption, p.note { color: var(--soft); font-size: .9rem; }
nav a { color: inherit; margin-right: 1rem; }
div.table { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; border-top: 1.5px solid var(--ink);
  border-bottom: 1.5px solid var(--ink);
  font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .9rem; text-align: right; white-space: nowrap; vertical-align: top; }
th:first-child, td:first-child { text-align: left; padding-left: .2rem; }
td:first-child { white-space: normal; }
thead th { border-bottom: 1px solid var(--ink); font-weight: 600; }
div.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr));
  gap: 1rem 1.5rem; }
figure { margin: 1rem 0; }
figure img { display: block; max-width: 100%; height: auto; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: .5rem; }
@media print { body { margin: 0; max-width: none; font-size: 11pt; }
  figure, table { break-inside: avoid; } nav { display: none; } }
$style</style>
</head>
<body>
<header>
<h1>$title</h1>
$introduction
</header>
<main>
$sections
</main>
<footer>$footer</footer>
</body>
</html>
""")


def page(
    title: str,
    sections: Sequence[tuple[str, str, Sequence[str]]],
    footer: str,
    introduction: Sequence[str] = (),
    style: str = "",
) -> str:
    """A page of sections.

    Args:
      title: of the page.
      sections: identifier, heading, and parts as HTML.
      footer: the last line.
      introduction: parts as HTML under the title; by default links to the sections.
      style: further rules of CSS.
    """
    if not introduction:
        links = [
            f'<a href="#{identifier}">{escape(heading)}</a>' for identifier, heading, _ in sections
        ]
        introduction = [f"<nav>{' '.join(links)}</nav>"]
    bodies = []
    for identifier, heading, parts in sections:
        bodies.append(
            f'<section id="{identifier}">\n<h2>{escape(heading)}</h2>\n'
            + "\n".join(parts)
            + "\n</section>"
        )
    return _PAGE.substitute(
        title=escape(title),
        introduction="\n".join(introduction),
        sections="\n".join(bodies),
        footer=escape(footer),
        style=style,
    )


def paragraph(text: str, note: bool = False) -> str:
    return f'<p class="note">{escape(text)}</p>' if note else f"<p>{escape(text)}</p>"


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table of texts and numbers; the first column is that of names."""

    def row(tag, cells):
        return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"

    body = "\n".join(row("td", map(number, cells)) for cells in rows)
    head = f"<thead>\n{row('th', columns)}\n</thead>"
    return f'<div class="table">\n<table>\n{head}\n<tbody>\n{body}\n</tbody>\n</table>\n</div>'


def plot(png: bytes, alternative: str, caption: str) -> str:
    """A plot inside the page."""
    data = base64.b64encode(png).decode("ascii")
    image = f'<img src="data:image/png;base64,{data}" alt="{escape(alternative)}">'
    return f"<figure>\n{image}\n<figcaption>{escape(caption)}</figcaption>\n</figure>"


def plots(parts: Sequence[str]) -> str:
    """Plots side by side."""
    return '<div class="plots">\n' + "\n".join(parts) + "\n</div>"
