# SPDX-License-Identifier: Apache-2.0
"""Pages as a reader sees them."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path


def read_page(path: Path) -> "WebPage":
    """Reads a page, in which every tag must be closed and every image described, and which may
    hold no script and nothing from elsewhere.
    """
    return WebPage(path.read_text(encoding="utf-8"))


class WebPage(HTMLParser):
    """Title, headings, images and visible text of a page."""

    def __init__(self, html: str):
        super().__init__()
        self.images: list[bytes] = []  # the contents of PNG files
        self._open: list[str] = []
        self._texts: list[tuple[str, str]] = []  # with the tag around each
        self._links, self._targets = set(), set()
        self.feed(html)
        self.close()
        assert not self._open
        assert self._links == self._targets or len(self._targets) == 1

    @property
    def title(self) -> str:
        return "".join(self._of("h1"))

    @property
    def headings(self) -> list[str]:
        return self._of("h2")

    @property
    def marked(self) -> list[str]:
        return self._of("marked")

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(text for tag, text in self._texts if tag != "style"))

    def _of(self, tag: str) -> list[str]:
        return [text for found, text in self._texts if found == tag]

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        assert tag not in ("script", "link", "iframe")
        if tag == "section":
            self._targets.add(f"#{attributes['id']}")
        if tag == "a":
            self._links.add(attributes["href"])
        if tag == "img":
            assert attributes["alt"]
            kind, data = attributes["src"].split(",")
            assert kind == "data:image/png;base64"
            self.images.append(base64.b64decode(data, validate=True))
        elif tag != "meta":
            self._open.append("marked" if attributes.get("class") == "marked" else tag)

    def handle_endtag(self, tag):
        assert self._open.pop() in (tag, "marked")

    def handle_data(self, data):
        if self._open:
            self._texts.append((self._open[-1], data))
