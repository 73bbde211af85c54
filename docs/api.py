# SPDX-License-Identifier: Apache-2.0
"""Writes the API reference from the docstrings, as a part of the site that `website.py` builds.

A warning about a docstring or an annotation of recsim_tf is an error.
"""

import pkgutil
import re
import warnings
from pathlib import Path

import recsim_tf.agents  # Before anything imports TF-Agents.

# isort: split
import pdoc

# `recsim_tf` documents the names that it has itself, choice models among them.
# A package with names of its own hides the packages in it.
MODULES = (
    "recsim_tf",
    *(
        f"recsim_tf.{module.name}"
        for module in pkgutil.iter_modules(recsim_tf.__path__)
        if module.ispkg and module.name != "choice"
    ),
    "recsim_tf.conversations.elicitation",
    "recsim_tf.conversations.key_terms",
    "recsim_tf.conversations.logs",
    "recsim_tf.conversations.parts",
)

# The environment of the documentation has no Stable-Baselines3.
LEFT_OUT = "recsim_tf.adapters.stable_baselines3"


def write(folder: Path) -> None:
    """Writes one HTML page for each public module into a folder."""
    pdoc.render.configure(
        docformat="google",
        footer_text="recsim_tf",
        template_directory=Path(__file__).parent / "pdoc",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Annotations that recsim_tf inherits from TF-Agents, and what libraries do when they are
        # imported.
        warnings.filterwarnings("ignore", "Error parsing type annotation .*NestedTensorSpec")
        warnings.filterwarnings("ignore", "Suppressed execution of")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", f"Couldn't import {LEFT_OUT}")
        pdoc.pdoc(*MODULES, f"!{LEFT_OUT}", output_directory=folder)
    for page in folder.rglob("*.html"):
        _remove_dead_links(page)


def _remove_dead_links(page: Path) -> None:
    """Leaves the words of links to members that the page does not show, since they are inherited
    from what has no page, and of titles that docstrings of other libraries link to.
    """
    text = page.read_text(encoding="utf-8")
    places = {f"#{place}" for place in re.findall(r'\sid="([^"]+)"', text)}
    alive = re.sub(
        r'<a href="(#[^"]+|[^"]* [^"]*)">(.*?)</a>',
        lambda link: link[0] if link[1] in places else link[2],
        text,
        flags=re.DOTALL,
    )
    page.write_text(alive, encoding="utf-8")
