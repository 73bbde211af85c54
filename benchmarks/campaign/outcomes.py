# SPDX-License-Identifier: Apache-2.0
"""The contents of a folder after a command, without times, rates and random names, which differ
between any two runs.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

# Of names in JSON files and tags of TensorBoard. The digest of a model is also of its seconds.
_TIMES = re.compile(r"seconds|per_?second|TimePer|sha256", re.IGNORECASE)
_TIMES_IN_TEXT = re.compile(r"\b[\d.,]+ (s|seconds)\b|\"seconds\": [\d.e-]+|seconds *\| *[\d.]+")
# Data of checkpoints, which their indices find; and what TensorFlow makes anew each time.
_NOT_COMPARED = re.compile(r"\.data-\d+-of-\d+$|/fingerprint\.pb$|/saved_model\.pb$|\.log$")


class Difference(NamedTuple):
    """The names of files in which two outcomes differ."""

    different: list[str]  # other contents, or missing
    left_over: list[str]


def read(folder: Path) -> dict[str, str]:
    """Contents, as texts that can be compared, by names of files and folders."""
    contents: dict[str, str] = {}
    curves: dict[str, dict[str, str]] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if ".tfevents." in name:
            curves.setdefault(f"{Path(name).parent}/events", {}).update(_scalars(path))
        else:
            contents[name] = "a folder" if path.is_dir() else _content(path, name, str(folder))
    return contents | {name: repr(sorted(points.items())) for name, points in curves.items()}


def compare(expected: Mapping[str, str], contents: Mapping[str, str]) -> Difference:
    """The difference of an outcome from the expected one."""
    return Difference(
        [name for name, content in expected.items() if contents.get(name) != content],
        [name for name in contents if name not in expected],
    )


def _content(path: Path, name: str, folder: str) -> str:
    try:
        return repr(_parsed(path, name, folder))
    except Exception as error:  # What is left of a file that was torn raises anything.
        return f"cannot be read: {error}"


def _parsed(path: Path, name: str, folder: str) -> Any:
    if _NOT_COMPARED.search(name):
        return None
    if path.suffix == ".json":
        return _without_times(json.loads(path.read_text()))
    if path.suffix == ".jsonl":
        return [_without_times(json.loads(line)) for line in path.read_text().splitlines()]
    if path.suffix == ".index":
        return list(_tensors(str(path.with_suffix(""))))
    if path.suffix == ".csv":
        return _rows(path.read_text())
    if path.name == "checkpoint":
        return re.findall(r"^all_model_checkpoint_paths.*", path.read_text(), re.MULTILINE)
    if path.suffix in (".html", ".md", ".gin"):
        return _TIMES_IN_TEXT.sub("", path.read_text().replace(folder, ""))
    return _digest(path.read_bytes())


def _without_times(content: Any) -> Any:
    if isinstance(content, dict):
        kept = sorted(name for name in content if not _TIMES.search(name))
        return {name: _without_times(content[name]) for name in kept}
    return [_without_times(value) for value in content] if isinstance(content, list) else content


def _rows(text: str) -> list[tuple[str, ...]]:
    rows = [line.split(",") for line in text.splitlines()]
    kept = [index for index, name in enumerate(rows[0]) if not _TIMES.search(name)] if rows else []
    return [tuple(row[index] for index in kept if index < len(row)) for row in rows]


def _tensors(prefix: str) -> Iterator[tuple[str, str]]:
    reader = tf.train.load_checkpoint(prefix)
    for name in sorted(reader.get_variable_to_shape_map()):
        if not (_TIMES.search(name) or name == "_CHECKPOINTABLE_OBJECT_GRAPH"):
            yield name, _digest(repr(np.asarray(reader.get_tensor(name)).tolist()).encode())


def _scalars(path: Path) -> Iterator[tuple[str, str]]:
    """Points of curves; a killed process may leave the last record of its file half written."""
    try:
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                if not _TIMES.search(value.tag):
                    content = value.tensor.SerializeToString()
                    yield f"{value.tag} {event.step}", _digest(content)
    except tf.errors.DataLossError:
        return


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
