# SPDX-License-Identifier: Apache-2.0
"""Builds the site: `make site`, or `python docs/website.py site`; open site/index.html.

Sphinx reads a copy of README, docs/ and examples/, in which README is the index, each example is a
page, and two pages are new: the gallery and the list of the reference. Warnings are errors. The
pages that the gallery opens are written by `gallery.py`.
"""

import importlib
import inspect
import pkgutil
import re
import shutil
import sys
import tempfile
from pathlib import Path

import api  # First: it imports TF-Agents.
import gallery
import search_words
from sphinx.cmd import build as sphinx

DOCS = Path(__file__).parent
ROOT = DOCS.parent
# Pages about the project itself.
RULES = ("CHANGELOG", "CONTRIBUTING", "CODE_OF_CONDUCT", "SECURITY")
# What pages show, and link to, but Sphinx does not read.
ASSETS = (
    "docs/images/*.png",
    "examples/*.ipynb",
    "benchmarks/results/*.json",
    "recsim_tf/worlds/*.py",
    "examples/recipes/*.py",
    "examples/recipes/*/*.py",
    "examples/recipes/*.gin",
)


def write(site: Path) -> None:
    """Writes the site into an empty folder, but for the pages that the gallery opens."""
    with tempfile.TemporaryDirectory() as source:
        write_source(Path(source))
        arguments = ["-q", "-W", "--keep-going", "-c", str(DOCS), "-d", f"{source}/.doctrees"]
        if sphinx.build_main([*arguments, source, str(site)]):
            sys.exit("the site has warnings, see above")
    api.write(site / "api")


def write_source(source: Path) -> None:
    """Writes all that Sphinx reads into a folder."""
    pages = {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for pattern in ("*.md", "docs/*.md", "docs/reports/*.md", "examples/*.md")
        for path in sorted(ROOT.glob(pattern))
    }
    for path in sorted(ROOT.glob("examples/*.py")):
        pages[f"examples/{path.stem}.md"] = example(path)
    for place, words in search_words.WORDS.items():
        page, _, heading = place.partition("#")
        pages[page] = with_words(pages[page], heading, words)
    pages |= {"gallery.md": gallery.page(), "reference.md": reference()}
    readme = pages.pop("README.md")
    pages["index.md"] = readme + contents(listed(readme, "docs/"), ":caption: Documentation")
    more = ("examples/README", "gallery", "reference", "docs/reports/README")
    pages["index.md"] += contents([*more, *RULES], ":caption: More")
    for page in ("examples/README.md", "docs/reports/README.md"):
        pages[page] += contents(listed(pages[page]))
    for page, text in pages.items():
        (source / page).parent.mkdir(parents=True, exist_ok=True)
        (source / page).write_text(as_on_the_site(text), encoding="utf-8")
    for path in (path for pattern in ASSETS for path in ROOT.glob(pattern)):
        copy = source / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)


def with_words(text: str, heading: str, words: str) -> str:
    """A page that the search finds by words: at a heading, or without one at its top."""
    entries = ", ".join(f"!{each.strip()}" for each in words.split(","))
    directive = f"```{{index}} {entries}\n```"
    if not heading:
        title, _, rest = text.partition("\n")
        return f"{title}\n\n{directive}\n{rest}"
    # Before the heading, so that a browser shows the heading too.
    found, number = re.subn(
        rf"^##+ {re.escape(heading)}$", lambda line: f"{directive}\n\n{line[0]}", text, flags=re.M
    )
    if number != 1:
        sys.exit(f"a page must have the heading {heading!r} of search_words.py once, got {number}")
    return found


def as_on_the_site(text: str) -> str:
    """A page whose links to README and to examples lead to their pages."""
    text = re.sub(r"\]\(\.\./README\.md", "](../index.md", text)
    return re.sub(r"(\]\((?:(?:\.\./)?examples/)?\w+)\.py\)", r"\1.md)", text)


def listed(text: str, folder: str = "") -> list[str]:
    """Pages of a folder to which a list or the first column of a table links, in its order."""
    return re.findall(rf"^(?:\d+\.|\|) \[.*?\]\(({folder}\w+)\.(?:md|py)\)", text, re.MULTILINE)


def contents(pages: list[str], *options: str) -> str:
    """The directive by which pages come below another one in the menu."""
    lines = ["```{toctree}", ":hidden:", *options, *pages, "```"]
    return "\n\n" + "\n".join(lines)


def example(path: Path) -> str:
    """The page of an example: its cells, its plot where there is one, and its notebook."""
    parts = []
    for cell in re.split(r"^# %%", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
        title, _, body = cell.partition("\n")
        if "[markdown]" in title:
            parts.append(re.sub(r"^# ?", "", body, flags=re.MULTILINE))
        elif cell.strip():
            code = f"# {title.strip()}\n{body}" if title.strip() else body
            parts.append(f"```python\n{code.strip()}\n```")
    if not parts[0].startswith("# "):
        parts = [f"# {path.name}", *parts]
    if (gallery.IMAGES / f"example_{path.stem}.png").exists():
        parts.append(f"![The plot of {path.name}](../docs/images/example_{path.stem}.png)")
    if path.with_suffix(".ipynb").exists():
        parts.append(f"The [notebook]({path.stem}.ipynb) has all that it prints.")
    return "\n\n".join(parts)


def reference() -> str:
    """The page that lists the modules of the reference and their names."""
    parts = ["# Reference", "The modules, their names, and the docstrings of both."]
    for name in api.MODULES:
        module = importlib.import_module(name)
        page = f"api/{name.replace('.', '/')}"
        inner = {each.name for each in pkgutil.iter_modules(getattr(module, "__path__", ()))}
        links = [
            f'<a href="{page}{f"/{each}.html" if each in inner else f".html#{each}"}">`{each}`</a>'
            for each in getattr(module, "__all__", sorted(inner))
            if f"{name}.{each}" != api.LEFT_OUT
        ]
        summary = inspect.getdoc(module).split("\n\n")[0]
        more = f'<a href="{page}.html">Docstrings of {name}</a>'
        parts += [f"## {name}", summary, ", ".join(links), more]
    return "\n\n".join(parts)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
