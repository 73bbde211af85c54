"""Tells whether this checkout may be released: `python tests/release_check.py`.

It prints each reason against a release in a line, and then ends with status 1.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

_ROOT = Path(__file__).parents[1]


def reasons(root: Path) -> list[str]:
    """The reasons why the checkout in a folder cannot be released yet."""
    text = {
        name: (root / name).read_text(encoding="utf-8")
        for name in ("CHANGELOG.md", "CITATION.cff", "pyproject.toml", "recsim_tf/_version.py")
    }
    version = re.search(r'"(.+)"', text["recsim_tf/_version.py"].partition("__version__")[2])
    assert version is not None
    number = version.group(1)
    missing = []
    if not tomllib.loads(text["pyproject.toml"])["tool"]["recsim_tf"]["repository"]:
        missing.append("pyproject.toml: tool.recsim_tf.repository must be the repository's address")
    if f"## [{number}]" not in text["CHANGELOG.md"]:
        missing.append(
            f"CHANGELOG.md must have a section of version {number}, ## [{number}] - DATE"
        )
    if f"version: {number}\n" not in text["CITATION.cff"]:
        missing.append(f"CITATION.cff must be of version {number}")
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
    print("\n".join(against) or "This checkout may be released.")
    sys.exit(1 if against else 0)
