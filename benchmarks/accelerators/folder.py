# SPDX-License-Identifier: Apache-2.0
"""The folder that goes to the device: programs, the first values of their variables, an index, and
the script that runs them.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from recsim_tf.core.runs.stablehlo import Program

_SCRIPT = Path(__file__).with_name("run.py")
INDEX = "programs.json"


class Folder:
    """Files of one export.

    Args:
      path: of a folder, which is made; what it has of an earlier export is replaced.

    Raises:
      ValueError: if it has files that no export wrote.
    """

    def __init__(self, path: Path):
        if path.exists() and any(path.iterdir()) and not (path / INDEX).is_file():
            raise ValueError(f"must be a new or empty folder, or one of an export, got {path}")
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        self.add_index({})
        for old in (*path.glob("*.mlir"), *path.glob("*.npz")):
            old.unlink()
        shutil.copy(_SCRIPT, path)

    def add_program(self, name: str, program: Program) -> str:
        """Writes a program; returns its file's name."""
        return self._write(name, "mlir", lambda path: path.write_text(program.text))

    def add_arrays(self, name: str, arrays: dict[str, np.ndarray]) -> str:
        """Writes arrays; returns their file's name."""
        return self._write(name, "npz", lambda path: np.savez_compressed(path, **arrays))

    def add_index(self, index: dict[str, Any]) -> None:
        """Writes the index, which the script reads."""
        (self._path / INDEX).write_text(json.dumps(index, indent=1) + "\n")

    def num_bytes(self) -> int:
        """The size of all files."""
        return sum(path.stat().st_size for path in self._path.iterdir() if path.is_file())

    def _write(self, name, suffix, write):
        file = f"{re.sub(r'[^A-Za-z0-9]+', '_', name)}.{suffix}"
        write(self._path / file)
        return file
