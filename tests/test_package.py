# SPDX-License-Identifier: Apache-2.0
"""The package is the same where the file system of a checkout has no links."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_FOLDERS = ("recsim_tf", "agents", "configs")
_FILES = ("setup.py", "pyproject.toml", "README.md", "LICENSE")


def _names_in_wheel(root: Path) -> set[str]:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", str(root)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = root.glob("dist/*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


@pytest.mark.slow
def test_a_checkout_without_links_makes_the_same_wheel(tmp_path):
    names = []
    for checkout in (tmp_path / "links", tmp_path / "files"):
        unread = shutil.ignore_patterns("__pycache__")
        for folder in _FOLDERS:
            shutil.copytree(_ROOT / folder, checkout / folder, symlinks=True, ignore=unread)
        for file in _FILES:
            shutil.copy(_ROOT / file, checkout)
        for link in ("agents", "configs"):
            path = checkout / "recsim_tf" / link
            if checkout.name == "files":  # as Git checks out a link where it may not make it
                path.unlink()
                path.write_text(f"../{link}", encoding="utf-8")
        names.append(_names_in_wheel(checkout))
    assert names[0] == names[1]
    assert {"recsim_tf/agents/__init__.py", "recsim_tf/configs/quickstart.gin"} <= names[0]
