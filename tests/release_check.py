# SPDX-License-Identifier: Apache-2.0
"""Tells whether this checkout may be released: `python tests/release_check.py`.

It prints each reason against a release in a line, and then ends with status 1.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_ADDRESS = re.compile(r"https://[^/\s]+/\S*[^/\s]")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
# Where a field of the citation comes from, while that is missing too.
_SOURCES = {
    "date-released": "the date of the version's section in CHANGELOG.md",
    "repository-code": "tool.recsim_tf.repository of pyproject.toml",
}


def reasons(root: Path) -> list[str]:
    """The reasons why the checkout in a folder cannot be released yet."""
    text = {
        name: (root / name).read_text(encoding="utf-8")
        for name in ("CHANGELOG.md", "CITATION.cff", "pyproject.toml", "recsim_tf/_version.py")
    }
    settings = tomllib.loads(text["pyproject.toml"])["tool"]["recsim_tf"]
    version = re.search(r'^__version__ = "(.+)"$', text["recsim_tf/_version.py"], re.M)
    assert version is not None
    number = version.group(1)
    missing = []
    if not _ADDRESS.fullmatch(settings["repository"]):
        missing.append(
            "pyproject.toml: tool.recsim_tf.repository must be the repository's address,"
            " https://HOST/OWNER/NAME"
        )
    if not _MAIL.fullmatch(settings["contact"]):
        missing.append(
            "pyproject.toml: tool.recsim_tf.contact must be a mail address, for reports about"
            " security and conduct"
        )
    section = re.search(
        rf"^## \[{re.escape(number)}\] - (\d{{4}}-\d\d-\d\d)$", text["CHANGELOG.md"], re.M
    )
    if section is None:
        missing.append(
            f"CHANGELOG.md must have a section of version {number}, ## [{number}] - YYYY-MM-DD"
        )
    cited = {
        "version": number,
        "date-released": section and section.group(1),
        "repository-code": settings["repository"],
    }
    for field, value in cited.items():
        stated = re.search(rf'^{field}: "?([^"\n]*)"?$', text["CITATION.cff"], re.M)
        if stated is None or stated.group(1) != value:
            missing.append(f"CITATION.cff: {field} must be {value or _SOURCES[field]}")
    return missing


def _uncommitted(root: Path) -> list[str]:
    status = subprocess.run(
        ["git", "-C", str(root), "status", "--porcelain"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [f"not committed: {line}" for line in status.stdout.splitlines()]


if __name__ == "__main__":
    against = [*reasons(_ROOT), *_uncommitted(_ROOT)]
    for reason in against:
        print(f"no release: {reason}")
    if not against:
        print("This checkout may be released.")
    sys.exit(bool(against))
