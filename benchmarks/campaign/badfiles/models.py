"""Damaged and impossible saved models."""

import hashlib
import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from campaign.badfiles import damage, json_damage
from campaign.badfiles.cases import Case

import recsim_tf
from recsim_tf.fitting import LBFGS, FitResult, load_model, save_model
from recsim_tf.fitting.estimate.estimates import ParameterEstimate

_NAME = "users.time_budget"


def cases(folder: Path) -> Iterator[tuple[Case, Any]]:
    """Each case, and the content of the model that was damaged."""
    whole = folder / "whole"
    _save(whole)
    content = _flat(load_model(whole))
    packed = (whole / "parameters.npz").read_bytes()
    metadata = json.loads((whole / "model.json").read_bytes())
    for name in ("parameters.npz", "model.json", "config.gin"):
        for what, damaged in damage.cuts((whole / name).read_bytes(), 10):
            yield _case(whole, folder, f"{name} cut", what, {name: damaged}, False), content
    for what, damaged in damage.flips(packed, damage.spread(20, len(packed))):
        yield (
            _case(
                whole, folder, "parameters.npz flipped", what, {"parameters.npz": damaged}, False
            ),
            content,
        )
    # Digests do not say who wrote a folder.
    for what, damaged in damage.flips(packed, damage.spread(30, len(packed))):
        files = {"parameters.npz": damaged}
        yield (
            _case(whole, folder, "parameters.npz flipped, valid digest", what, files, True),
            content,
        )
    for what, damaged in damage.cuts(packed, 15):
        files = {"parameters.npz": damaged}
        yield _case(whole, folder, "parameters.npz cut, valid digest", what, files, True), content
    for what, array in _arrays():
        files = {"parameters.npz": _packed(array)}
        yield _case(whole, folder, "parameters.npz of another form", what, files, True), content
    paths = [("format",), ("parameters",), ("sha256",), ("sha256", "config.gin")]
    paths += [("parameters", _NAME), ("parameters", _NAME, "shape")]
    for what, damaged in json_damage.damaged(metadata, paths, 15):
        yield _case(whole, folder, "model.json", what, {"model.json": damaged}, False), content
    for name in ("users.response", "documents.describe", "users._name", "nothing", "users.dtype"):
        other = {**metadata, "parameters": {name: metadata["parameters"][_NAME]}}
        files = {
            "model.json": json.dumps(other).encode(),
            "parameters.npz": _packed({f"{name}.{field}": np.float64(1) for field in _FIELDS}),
        }
        yield _case(whole, folder, "name of a parameter", name, files, True, name), content
    for name in ("parameters.npz", "model.json", "config.gin"):
        yield _case(whole, folder, "file missing", name, {name: None}, False), content


_FIELDS = ParameterEstimate._fields


def _save(folder: Path) -> None:
    value = np.float64(190.0)
    estimate = ParameterEstimate(value, np.float64(1.0), value - 2, value + 2)
    result = FitResult(
        simulator=recsim_tf.interest_evolution().with_parameters({_NAME: 190.0}),
        estimates={_NAME: estimate},
        log_likelihood=-100.0,
        held_out_log_likelihood=None,
        history=[],
        converged=True,
        stopped_early=False,
        diverged=False,
        not_identified={},
        confidence=0.95,
        search=LBFGS(),
    )
    save_model(folder, result, build="interest_evolution", config="")


def _flat(model: Any) -> list:
    return [
        *(leaf for estimate in model.estimates.values() for leaf in estimate),
        repr(model.simulator.parameters()),
    ]


def _case(whole, folder, kind, what, files, sign, name=_NAME) -> Case:
    named = ("model.json", "parameters.npz", "config.gin", name)
    return Case(f"model: {kind}", what, _reader(whole, folder / "bad", files, sign), named)


def _reader(whole: Path, bad: Path, files: dict[str, bytes | None], sign: bool) -> Callable:
    """Loads a copy of the model with other files; `sign` gives the digests that fit them."""

    def run():
        shutil.rmtree(bad, ignore_errors=True)
        shutil.copytree(whole, bad)
        for name, content in files.items():
            if content is None:
                (bad / name).unlink()
            else:
                (bad / name).write_bytes(content)
        if sign:
            metadata = json.loads((bad / "model.json").read_bytes())
            for name in ("parameters.npz", "config.gin"):
                digest = hashlib.sha256((bad / name).read_bytes()).hexdigest()
                metadata["sha256"][name] = digest
            (bad / "model.json").write_text(json.dumps(metadata))
        return _flat(load_model(bad))

    return run


def _packed(arrays: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def _arrays() -> Iterator[tuple[str, dict[str, Any]]]:
    """What was done, and the arrays."""
    good = {f"{_NAME}.{field}": np.float64(190) for field in _FIELDS}
    for field in _FIELDS:
        yield f"{field} removed", {k: v for k, v in good.items() if k != f"{_NAME}.{field}"}
        for what, value in (
            ("text", np.array("text")),
            ("a table", np.ones([2])),
            ("an integer", np.int64(1)),
            ("complex", np.complex128(1j)),
            ("objects", np.array({"a": 1}, object)),
        ):
            yield f"{field} is {what}", {**good, f"{_NAME}.{field}": value}
    for value in (np.nan, np.inf, -np.inf):
        yield f"value is {value}", {**good, f"{_NAME}.value": np.float64(value)}
