"""The files of a saved model."""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from recsim_tf._version import __version__
from recsim_tf.files import whole_folder
from recsim_tf.fitting.estimate.estimates import ParameterEstimate

CONFIG = "config.gin"
_METADATA = "model.json"
_PARAMETERS = "parameters.npz"
# People may correct its words, so it has no digest, and nothing is read from it.
_CARD = "MODEL_CARD.md"
# What `read` understands; raised with every change that older versions cannot read.
_FORMAT = 1


def refuse_existing(folder: str | os.PathLike) -> None:
    """Raises a FileExistsError where there is something already, other than an empty folder."""
    folder = Path(folder)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise FileExistsError(f"folder {folder} exists already, name a new or an empty one")


def write(
    folder: str | os.PathLike,
    metadata: Mapping[str, Any],
    config: str,
    estimates: Mapping[str, ParameterEstimate],
    card: str,
) -> None:
    """Writes the files into a new or empty folder, all of them or none.

    Args:
      folder: must have passed `refuse_existing`.
      metadata: for model.json, which also gets the format and the digests.
      config: gin text.
      estimates: by parameter.
      card: Markdown.
    """
    folder = Path(folder)
    contents = {CONFIG: config.encode(), _PARAMETERS: _packed(estimates)}
    digests = {name: _digest(content) for name, content in contents.items()}
    text = json.dumps({"format": _FORMAT, **metadata, "sha256": digests}, indent=2, allow_nan=False)
    contents |= {_METADATA: f"{text}\n".encode(), _CARD: card.encode()}
    with whole_folder(folder) as complete:
        for name, content in contents.items():
            (complete / name).write_bytes(content)
        # Something may have come into the folder since.
        refuse_existing(folder)


def read(folder: str | os.PathLike) -> tuple[dict[str, Any], str, dict[str, ParameterEstimate]]:
    """Metadata, gin text and estimates.

    Raises:
      FileNotFoundError: if a file is missing.
      ValueError: if a file is damaged or of a newer format.
    """
    folder = Path(folder)
    metadata = _read_metadata(folder / _METADATA)
    contents = {}
    for name, digest in metadata["sha256"].items():
        contents[name] = _read(folder / name)
        if _digest(contents[name]) != digest:
            raise ValueError(
                f"{folder / name} is damaged or was changed: its SHA-256 is not the one in"
                f" {_METADATA}"
            )
    return (
        metadata,
        contents[CONFIG].decode(),
        _unpacked(contents[_PARAMETERS], metadata["parameters"], folder / _PARAMETERS),
    )


def _packed(estimates: Mapping[str, ParameterEstimate]) -> bytes:
    arrays: dict[str, Any] = {
        f"{name}.{field}": np.asarray(v)
        for name, e in estimates.items()
        for field, v in zip(ParameterEstimate._fields, e, strict=True)
    }
    for name, array in arrays.items():
        if array.dtype.kind != "f":
            raise ValueError(f"{name} must be of floats, got {array.dtype}")
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def _unpacked(
    content: bytes, expected: Mapping[str, Any], path: Path
) -> dict[str, ParameterEstimate]:
    found = {}
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            for name, description in expected.items():
                found[name] = ParameterEstimate(
                    *(arrays[f"{name}.{field}"] for field in ParameterEstimate._fields)
                )
                for array in found[name]:
                    if list(array.shape) != description["shape"]:
                        raise ValueError(
                            f"{name} has shape {list(array.shape)}, not {description['shape']}"
                        )
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} does not hold the parameters that {_METADATA} lists: {error}"
        ) from error
    return found


def _read_metadata(path: Path) -> dict[str, Any]:
    try:
        metadata = json.loads(_read(path))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if not isinstance(metadata, dict) or not isinstance(metadata.get("format"), int):
        raise ValueError(f"{path} is damaged: it has no format")
    if metadata["format"] > _FORMAT:
        raise ValueError(
            f"{path} has format {metadata['format']}, and recsim_tf {__version__} reads up to"
            f" {_FORMAT}: install a newer one"
        )
    digests = metadata.get("sha256")
    if (
        not isinstance(metadata.get("parameters"), dict)
        or not isinstance(digests, dict)
        or set(digests) != {CONFIG, _PARAMETERS}
    ):
        raise ValueError(
            f"{path} is damaged: it must list parameters, and the sha256 of {CONFIG} and"
            f" {_PARAMETERS}"
        )
    return metadata


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise FileNotFoundError(f"folder {path.parent} is not a saved model: it has no {path.name}")
    return path.read_bytes()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
