# SPDX-License-Identifier: Apache-2.0
"""Results of many kinds as files: one place that writes them, each whole or not at all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from recsim_tf.support.files import whole_file, whole_folder, write_csv, write_json, write_text
from recsim_tf.support.new_folders import publish, unfinished_folder
from recsim_tf.support.plots import write_figure


def write_files(folder: Path, files: Mapping[str, Any]) -> None:
    """Writes files into a folder in their order, each whole or not at all. Files that are there
    are replaced.

    Args:
      folder: exists.
      files: contents by path from the folder: a text; bytes; what JSON takes, for .json; a
        DataFrame of pandas, for .csv and .parquet; arrays by name, for .npz; a figure of
        matplotlib, for .png; or a function that writes into the folder that it gets, for a folder.
        A file whose content is None is left out.

    Raises:
      OSError: that names the file.
    """
    for name, content in files.items():
        path = folder / name
        if callable(content):
            with whole_folder(path) as written:
                content(written)
        elif isinstance(content, str):
            write_text(path, content)
        elif isinstance(content, bytes):
            with whole_file(path) as written:
                written.write_bytes(content)
        elif content is not None:
            _WRITERS[path.suffix](path, content)


def write_folder(path: Path, files: Mapping[str, Any], numbered: bool = False) -> Path:
    """Writes a new folder, which appears whole or not at all. Other processes may write one of the
    same name.

    Args:
      path: the name, in a folder that exists.
      files: see `write_files`.
      numbered: whether a number is added to a name that something has.

    Returns:
      The folder.

    Raises:
      FileExistsError: if something has the name; it stays.
      OSError: that names the folder.
    """
    with unfinished_folder(path) as written:
        write_files(written, files)
        return publish(written, path, numbered)


def write_shared_file(path: Path, content: Any) -> None:
    """Writes a file that other processes may write at the same time; see `write_files`."""
    with unfinished_folder(path) as written:
        write_files(written, {path.name: content})
        (written / path.name).replace(path)


def _write_parquet(path: Path, table: Any) -> None:
    with whole_file(path) as written:
        table.to_parquet(written, index=False, write_page_checksum=True)


def _write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with whole_file(path) as written, written.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def _write_figure(path: Path, figure: Any) -> None:
    write_figure(figure, path)


_WRITERS = {
    ".json": write_json,
    ".csv": write_csv,
    ".parquet": _write_parquet,
    ".npz": _write_arrays,
    ".png": _write_figure,
}
