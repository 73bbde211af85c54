# SPDX-License-Identifier: Apache-2.0
"""Settings of Sphinx, which `website.py` runs."""

from pathlib import Path

from pygments.lexers import IniLexer

project = "recsim_tf"
extensions = ["myst_parser"]
# Links may name a heading, as in a repository browser.
myst_heading_anchors = 6
# Quotes are of code as often as of words.
smartquotes = False
html_theme = "furo"
html_title = "recsim_tf"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = html_show_copyright = html_use_index = False
# A search that shows summaries reads the pages, which a browser forbids for files of a disk.
html_show_search_summary = False
html_search_scorer = str(Path(__file__).parent / "search.js")


def setup(app):
    """Colours the blocks of gin, whose lines are those of an INI file."""
    app.add_lexer("gin", IniLexer)
