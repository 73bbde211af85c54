# SPDX-License-Identifier: Apache-2.0
"""Packaging. `recsim_tf/agents` and `recsim_tf/configs` are links to the folders at the top, which
are mapped where git made no links, as on Windows. On the package's page the links of README lead to
the repository.
"""

import re
import tomllib
from pathlib import Path

from setuptools import find_namespace_packages, setup

_ROOT = Path(__file__).parent
_PROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# The address of the repository and the mail address of the authors, empty until there are some.
_REPOSITORY = _PROJECT["tool"]["recsim_tf"]["repository"]
_CONTACT = _PROJECT["tool"]["recsim_tf"]["contact"]
_LINK = re.compile(r"(!?)\[([^]]*)\]\((?!\w+:|#)([^)]+)\)")


def _package_page() -> str:
    """README, with links to the repository in place of links to files of this folder."""

    def absolute(link: re.Match) -> str:
        is_image, text, path = link.groups()
        if not _REPOSITORY:
            return text
        kind = "raw" if is_image else "blob"
        return f"{is_image}[{text}]({_REPOSITORY}/{kind}/HEAD/{path})"

    return _LINK.sub(absolute, (_ROOT / "README.md").read_text(encoding="utf-8"))


# The folders of `configs` hold gin files alone, without an `__init__.py`.
_packages = find_namespace_packages(include=["recsim_tf", "recsim_tf.*"])
# With this alone an editable install is a path that type checkers and editors follow.
_folders = {"": "."}
for _folder in ("agents", "configs"):
    if not (_ROOT / "recsim_tf" / _folder).is_dir():
        _name = f"recsim_tf.{_folder}"
        _folders[_name] = _folder
        _packages += [_name, *(f"{_name}.{each}" for each in find_namespace_packages(_folder))]


setup(
    author_email=_CONTACT or None,
    long_description=_package_page(),
    long_description_content_type="text/markdown",
    project_urls={
        name: f"{_REPOSITORY}{path}"
        for name, path in {
            "Source": "",
            "Documentation": "/blob/HEAD/README.md",
            "Changes": "/blob/HEAD/CHANGELOG.md",
            "Issues": "/issues",
            "Security": "/security/advisories/new",
        }.items()
        if _REPOSITORY
    },
    package_dir=_folders,
    packages=_packages,
    package_data={
        "recsim_tf": ["py.typed"],
        "recsim_tf.core.runs": ["portable/*.py"],
        "recsim_tf.support": ["page.html"],
        "recsim_tf.configs": ["**/*.gin"],
        "recsim_tf.worlds": ["*/*"],
    },
)
