# SPDX-License-Identifier: Apache-2.0
"""Gin files by path, or by the name of a packaged one. Needs neither gin nor TensorFlow."""

import importlib.resources
from pathlib import Path

from recsim_tf.support.errors import UsageError, instead

PACKAGED = Path(str(importlib.resources.files("recsim_tf.configs")))
_SWEEPS = "sweeps/"


def _packaged() -> list[str]:
    return sorted(
        path.relative_to(PACKAGED).as_posix()
        for path in PACKAGED.rglob("*.gin")
        if not path.name.startswith("_")
    )


def packaged_configs() -> list[str]:
    """Names of the installed experiments; files with a leading underscore are parts of them."""
    return [name for name in _packaged() if not name.startswith(_SWEEPS)]


def packaged_sweeps() -> list[str]:
    """Names of the sweeps that are installed with recsim_tf."""
    return [name for name in _packaged() if name.startswith(_SWEEPS)]


def find_config(name: str, argument: str = "gin_file") -> Path:
    """The file of a path, or of a packaged name such as "quickstart.gin"; a path that exists goes
    first.

    Args:
      name: the path or the name.
      argument: the name of the argument for the error, "gin_file", or "sweep_file" for sweeps.

    Raises:
      UsageError: if there is neither, with the nearest name, or all.
    """
    for path in (Path(name), PACKAGED / name):
        if path.is_file():
            return path
    sweeps = argument == "sweep_file"
    kind, names = ("sweeps", packaged_sweeps()) if sweeps else ("configs", packaged_configs())
    beside = [str(path) for path in Path(name).parent.glob("*.gin")]
    raise UsageError(
        f"{argument} {name!r} is neither a file nor one of the packaged {kind};"
        f" {instead(name, [*names, *beside])}"
    )
