"""The files of a saved model."""

import hashlib
import io
import json
import math
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recsim_tf._version import __version__
from recsim_tf.errors import one_line
from recsim_tf.files import whole_folder
from recsim_tf.fitting.estimate.estimates import ParameterEstimate
from recsim_tf.gin_trust import check_size

CONFIG = "config.gin"
_METADATA = "model.json"
_PARAMETERS = "parameters.npz"
# People may correct its words, so it has no digest, and nothing is read from it.
_CARD = "MODEL_CARD.md"
# What `read` understands; raised with every change that older versions cannot read.
_FORMAT = 1
# Of a header of an array and of its entry in the archive.
_MOST_BYTES_OF_HEADERS = 2**13
_FLOATS = ("float16", "float32", "float64")
# What a damaged archive or a claim that is too large can raise.
_DAMAGE = (
    KeyError,
    ValueError,
    EOFError,
    OSError,
    MemoryError,
    RecursionError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    zipfile.BadZipFile,
)


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
    folder.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(folder) as complete:
        for name, content in contents.items():
            (complete / name).write_bytes(content)
        # Something may have come into the folder since.
        refuse_existing(folder)


def read(folder: str | os.PathLike) -> tuple[dict[str, Any], str]:
    """Metadata and gin text, when all digests were compared. No array is read.

    Raises:
      FileNotFoundError: if a file is missing.
      ValueError: if a file is damaged, too large or of a newer format.
    """
    folder = Path(folder)
    metadata = _read_metadata(folder / _METADATA)
    check_size(_existing(folder / CONFIG))
    check_size(_existing(folder / _PARAMETERS), _most_bytes(metadata["parameters"]))
    for name, digest in metadata["sha256"].items():
        with (folder / name).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != digest:
            raise ValueError(
                f"{folder / name} is damaged or was changed: its SHA-256 is not the one in"
                f" {_METADATA}"
            )
    try:
        return metadata, (folder / CONFIG).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{folder / CONFIG} must be text in UTF-8: {error.reason}") from error


def read_estimates(
    folder: str | os.PathLike, metadata: Mapping[str, Any]
) -> dict[str, ParameterEstimate]:
    """The estimates that metadata from `read` lists. An array is read once its header has said
    that it is as large as listed.

    Raises:
      ValueError: if there are others, or values that are not finite.
    """
    path, found = Path(folder) / _PARAMETERS, {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name, description in metadata["parameters"].items():
                fields = [f"{name}.{field}" for field in ParameterEstimate._fields]
                for field in fields:
                    _check_header(field, archive, description)
                found[name] = ParameterEstimate(*(_array(field, archive) for field in fields))
                if not np.all(np.isfinite(found[name].value)):
                    raise ValueError(f"{name} must be finite")
            listed = {
                f"{name}.{field}.npy"
                for name in metadata["parameters"]
                for field in ParameterEstimate._fields
            }
            more = sorted(set(archive.namelist()) - listed)
            if more:
                raise ValueError(f"{more[0]} is not among them")
    except _DAMAGE as error:
        raise ValueError(
            f"{path} does not hold the parameters that {_METADATA} lists: {_reason(error)}"
        ) from error
    return found


def listed_shapes(metadata: Mapping[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The parameters of metadata, with their shapes."""
    for name, description in metadata["parameters"].items():
        yield name, tuple(description["shape"])


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


def _check_header(name: str, archive: zipfile.ZipFile, description: Mapping[str, Any]) -> None:
    """Requires an array of an archive to be as listed, before it is read."""
    entry = archive.getinfo(f"{name}.npy")
    if entry.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} must not be compressed")
    with archive.open(entry) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"{name} must be an array of format 1.0")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        size = file.tell() + math.prod(shape) * dtype.itemsize
    if list(shape) != description["shape"]:
        raise ValueError(f"{name} has shape {list(shape)}, not {description['shape']}")
    if dtype.name not in _FLOATS or (name.endswith(".value") and dtype != description["dtype"]):
        raise ValueError(f"{name} has dtype {dtype}, not {description['dtype']}")
    if entry.file_size != size:
        raise ValueError(f"{name} must have {size:,} bytes, got {entry.file_size:,}")


def _array(name: str, archive: zipfile.ZipFile) -> np.ndarray:
    with archive.open(f"{name}.npy") as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _most_bytes(parameters: Mapping[str, Any]) -> int:
    """Of the archive with the estimates of parameters: no dtype has more bytes than float64."""
    numbers = sum(math.prod(description["shape"]) for description in parameters.values())
    headers = len(parameters) * _MOST_BYTES_OF_HEADERS
    return len(ParameterEstimate._fields) * (8 * numbers + headers) + _MOST_BYTES_OF_HEADERS


def _read_metadata(path: Path) -> dict[str, Any]:
    check_size(_existing(path))
    try:
        metadata = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {_reason(error)}") from error
    if not isinstance(metadata, dict) or type(metadata.get("format")) is not int:
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
    for name, description in metadata["parameters"].items():
        if not _is_described(description):
            raise ValueError(
                f"{path} is damaged: {name} must have a shape, a list of lengths, and a dtype, one"
                f" of {', '.join(_FLOATS)}"
            )
    return metadata


def _is_described(description: Any) -> bool:
    if not isinstance(description, dict) or description.get("dtype") not in _FLOATS:
        return False
    shape = description.get("shape")
    return isinstance(shape, Sequence) and all(type(n) is int and 0 <= n < 2**40 for n in shape)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"folder {path.parent} is not a saved model: it has no {path.name}")
    return path


def _reason(error: BaseException) -> str:
    return one_line(error)[:200] or type(error).__name__


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
