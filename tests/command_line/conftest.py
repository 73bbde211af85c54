# SPDX-License-Identifier: Apache-2.0
"""A folder as a user has it: a module of their own, `shop`, and a gin file that imports it."""

import pathlib
import sys

import gin
import pytest

_SHOP = (pathlib.Path(__file__).parent / "shop.py").read_text()


class Folder:
    """The current folder of a test.

    Args:
      path: the folder.
    """

    def __init__(self, path: pathlib.Path):
        self.path = path

    def write_shop(self, old: str = "", new: str = "") -> int:
        """Writes shop.py, and shop.gin, which simulates it with few users.

        Args:
          old: a part of shop.py.
          new: stands in its place.

        Returns:
          The line of `new`.
        """
        assert _SHOP.count(old) == 1 or not old, old
        (self.path / "shop.py").write_text(_SHOP.replace(old, new))
        self.write_gin("")
        return _SHOP[: _SHOP.index(old)].count("\n") + 1

    def write_gin(self, *lines: str) -> None:
        """Writes shop.gin with further lines."""
        first = [
            "import shop",
            "experiment.simulator = @shop()",
            "experiment.create_agent = @create_slate_q",
            "experiment.num_users = 4",
            "Iteration.batch_size = 4",
            "Evaluation.num_users = 4",
            "Evaluation.max_steps = 2",
        ]
        (self.path / "shop.gin").write_text("\n".join([*first, *lines, ""]))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, from which modules are imported anew."""
    monkeypatch.chdir(tmp_path)
    # A module may define its configurables again.
    with gin.config.interactive_mode():
        yield Folder(tmp_path)
    sys.modules.pop("shop", None)
