"""Damaged checkpoints."""

import contextlib
import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from campaign.badfiles import damage
from campaign.badfiles.cases import Case, ToldError

from recsim_tf import checkpoints

_PART = "run"


def cases(folder: Path) -> Iterator[tuple[Case, Any]]:
    """Each case, and the values of the checkpoint that was damaged."""
    alone, both = folder / "alone", folder / "both"
    _save(alone, 20)
    for number in (10, 20):
        _save(both, number)
    for source, kind in ((alone, "the only one"), (both, "the newest of two")):
        for file in sorted((source / "20").iterdir()):
            whole = file.read_bytes()
            changes: list[tuple[str, bytes | None]] = [("removed", None)]
            changes += damage.cuts(whole, 12)
            changes += damage.flips(whole, damage.spread(25, len(whole)))
            for what, content in changes:
                read = _reader(source, folder / "bad", file.name, content)
                yield (
                    Case(f"checkpoint, {kind}", f"{file.name} {what}", read, ("bad",)),
                    _values(20),
                )


def _values(number: int) -> list[float]:
    return [float(number), float(number + 1)]


def _checkpoint(values: list[float]) -> tf.train.Checkpoint:
    return tf.train.Checkpoint(one=tf.Variable(values[0]), other=tf.Variable(values[1]))


def _save(folder: Path, number: int) -> None:
    folder.mkdir(exist_ok=True)
    checkpoints.save(folder, number, {_PART: _checkpoint(_values(number))}, max_to_keep=2)


def _reader(source: Path, bad: Path, file: str, content: bytes | None) -> Callable:
    """Restores from a copy of the checkpoints with another content of a file of the newest."""

    def run():
        shutil.rmtree(bad, ignore_errors=True)
        shutil.copytree(source, bad)
        path = bad / "20" / file
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        restored, errors = _checkpoint([0.0, 0.0]), io.StringIO()
        with contextlib.redirect_stderr(errors):
            number = checkpoints.restore_newest(bad, _PART, restored)
        if number != 20:
            if [restored.one.numpy(), restored.other.numpy()] != _values(number):
                raise AssertionError("an older checkpoint has other values")
            raise ToldError(errors.getvalue().rstrip("\n"))
        return [float(restored.one.numpy()), float(restored.other.numpy())]

    return run
