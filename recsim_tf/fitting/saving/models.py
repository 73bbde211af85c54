# SPDX-License-Identifier: Apache-2.0
"""Fitted models in folders that can be given away.

`model.json` holds the classes of the models, their fields, and figures of fit and checks, see
`encoding`; `arrays.npz` the tables of the models, and value, standard error, interval and draws of
each parameter, and `fitted_to`, the hashes of at most 1,000 sessions of the log (see
`recsim_tf.logs.fingerprint`); `MODEL_CARD.md` describes them. There is no pickle in a folder and no
row of the log.
"""

import contextlib
import hashlib
import json
import math
import os
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gin
import numpy as np

from recsim_tf._version import __version__
from recsim_tf.core.base.arguments import checked, configurable
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.estimates import ParameterEstimate, named_elements
from recsim_tf.fitting.fit import FitResult
from recsim_tf.fitting.saving.card import CARD, figures, model_card, with_findings
from recsim_tf.fitting.saving.encoding import NUMBERS, Decoder, Encoder, check_imports
from recsim_tf.support.errors import one_line
from recsim_tf.support.new_folders import publish, require_new, unfinished_folder

_MODEL, _ARRAYS = "model.json", "arrays.npz"
# Raised with every change that older versions cannot read.
_FORMAT = 2
_MOST_BYTES = 2**22  # of model.json
# Draws of the parameters, and the numbers that they hold at most in all.
_NUM_DRAWS, _MOST_NUMBERS = 100, 10**6


class LoadedModel(NamedTuple):
    """A model from a folder."""

    simulator: Simulator  # with the estimates as numbers
    estimates: dict[str, ParameterEstimate]
    metadata: dict[str, Any]  # what model.json says: "title", "model", "data", "fit", "checks"
    # [N, ...] by parameter, which hold the uncertainty of all together; empty where the fit had
    # none, or had more than 10,000 numbers
    draws: dict[str, np.ndarray]


@checked
def save_model(
    folder: str | os.PathLike,
    result: FitResult,
    *,
    title: str = "Fitted model",
    data: Mapping[str, Any] | None = None,
    fitting: Mapping[str, Any] | None = None,
    checks: Mapping[str, Any] | None = None,
    findings: Sequence[Mapping[str, str]] = (),
    intended_use: str = "",
    limits: str = "",
    licence: str = "",
) -> None:
    """Writes a fitted model into a new folder, from which `load_model` makes the simulator again;
    that it does is checked before the folder appears.

    Args:
      folder: the new folder, which does not exist or is empty.
      result: the result of `fit`.
      title: the title of the card.
      data: a description of the data that it was fitted to, as single figures and texts of one
        line: {"sessions": 5000, "steps": 93012, "from": "2024-01"}.
      fitting: a description of the fit, in the same way: {"search": "LBFGS", "confidence": 0.95}.
      checks: the results of checks, in the same way: {"held-out calibration error": 0.004}.
      findings: the answers of a validation for the card, each with its "question", "verdict" and
        "sentence".
      intended_use, limits, licence: texts of the card; the licence is that of the data.

    Raises:
      FileExistsError: if the folder has something in it; nothing is written then.
      ValueError: if `result` is not a FitResult; for a field that cannot be saved, such as a lambda
        or an object of a class that a script defines; for a parameter with a value for each
        session; for data or checks that are more than figures.
    """
    folder, simulator = Path(folder), result.simulator
    require_new(folder)
    for name, number in simulator.users_of_parameters().items():
        raise ValueError(f"{name} must not have a value for each session, got {number} values")
    encoder = Encoder()
    encoded = encoder.encode("simulator", simulator)
    encoder.array("fitted_to", simulator.fitted_to)
    for name, estimate in result.estimates.items():
        for field, array in estimate._asdict().items():
            encoder.array(f"estimates.{name}.{field}", array)
    draws = {}
    if result.has_uncertainty and result.covariance.shape[0] * _NUM_DRAWS <= _MOST_NUMBERS:
        draws = result.draws(_NUM_DRAWS)
    for name, values in draws.items():
        encoder.array(f"draws.{name}", values)
    content = {
        "format": _FORMAT,
        "title": title,
        "model": _described(simulator, encoder.modules),
        "data": figures("data", data),
        "fit": figures("fitting", {**(fitting or {}), **_found(result)}),
        "checks": figures("checks", checks),
        "estimates": list(result.estimates),
        "draws": list(draws),
        "arrays": {
            name: {"shape": list(array.shape), "dtype": array.dtype.name}
            for name, array in encoder.arrays.items()
        },
        "simulator": encoded,
    }
    card = model_card(content, result, sorted(encoder.modules), intended_use, limits, licence)
    if findings:
        card = with_findings(card, findings)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with unfinished_folder(folder) as complete:
        np.savez(complete / _ARRAYS, **encoder.arrays)  # type: ignore[arg-type]
        content["sha256"] = _digest(content, complete / _ARRAYS)
        text = json.dumps(content, indent=2, allow_nan=False) + "\n"
        (complete / _MODEL).write_text(text, encoding="utf-8")
        (complete / CARD).write_text(card, encoding="utf-8")
        loaded = load_model(complete, sorted(encoder.modules)).simulator
        differences = "; ".join(simulator.differences(loaded))
        if differences:
            raise ValueError(f"the simulator cannot be made again: {differences}")
        publish(complete, folder)


def load_model(folder: str | os.PathLike, imports: Sequence[str] = ()) -> LoadedModel:
    """The model of a folder that `save_model` wrote.

    The folder may be somebody else's. It may name models and functions of recsim_tf, and of modules
    that the caller trusts; other names are refused. Sizes are compared before an array is read. The
    digest finds damage; it does not say who wrote the folder.

    Args:
      folder: the folder of the model.
      imports: modules whose classes and functions the model may name, with all below them, such as
        ("my_package",). They are imported from where Python finds modules.

    Raises:
      FileNotFoundError: if a file is missing.
      ValueError: if a file is damaged, too large or of another format; if the model names what is
        not allowed, with what to pass; if a module is missing or fails; for values that the models
        refuse.
    """
    check_imports(imports)
    folder = Path(folder)
    for name in (_MODEL, _ARRAYS):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"folder {folder} is not a saved model: it has no {name}")
    content = _read_json(folder / _MODEL)
    with _naming(folder / _ARRAYS):
        if _digest(content, folder / _ARRAYS) != content.pop("sha256"):
            raise ValueError(f"the SHA-256 of it and of {_MODEL} is not the one in {_MODEL}")
        arrays = _read_arrays(folder / _ARRAYS, content.pop("arrays"))
    with _naming(folder / _MODEL):
        simulator = Decoder(arrays, imports).decode("simulator", content.pop("simulator"))
        if not isinstance(simulator, Simulator):
            raise ValueError(f"simulator must be a Simulator, got {type(simulator).__name__}")
        # Folders of earlier versions have none.
        simulator.fitted_to = arrays.get("fitted_to", ())
        estimates = {
            name: ParameterEstimate(
                *(arrays[f"estimates.{name}.{field}"] for field in ParameterEstimate._fields)
            )
            for name in content.pop("estimates")
        }
        # Folders of earlier versions have none.
        draws = {name: arrays[f"draws.{name}"] for name in content.pop("draws", [])}
    return LoadedModel(simulator, estimates, content, draws)


@configurable(module="recsim_tf")
def load_simulator(folder: str = gin.REQUIRED, imports: Sequence[str] = ()) -> Simulator:
    """The simulator of a saved model, for gin files: `experiment.simulator = @load_simulator()`;
    see `load_model`.
    """
    return load_model(folder, imports).simulator


def _digest(content: Mapping[str, Any], arrays: Path) -> str:
    """SHA-256 of what model.json holds beside it, and of the file of the arrays."""
    described = {name: each for name, each in content.items() if name != "sha256"}
    with arrays.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(json.dumps(described, allow_nan=False).encode())
    return digest.hexdigest()


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Tells what a damaged file raises in one line that names the file."""
    try:
        yield
    except Exception as error:
        reason = one_line(error)[:400]
        if not reason or isinstance(error, KeyError | TypeError | AttributeError):
            reason = f"it is damaged: {type(error).__name__} {reason}".strip()
        raise ValueError(f"{path}: {reason}") from error


def _read_json(path: Path) -> dict[str, Any]:
    with _naming(path):
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise ValueError(f"it must have at most {_MOST_BYTES:,} bytes, got {size:,}")
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise ValueError(
                f"it must have format {_FORMAT}, which recsim_tf {__version__} reads, got"
                f" {str(dict(content).get('format'))[:40]}"
            )
    return content


def _read_arrays(path: Path, listed: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Arrays by name, each read once its header is as listed and the file is large enough."""
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
        if len(archive.infolist()) != len(listed) or set(entries) != set(listed):
            raise ValueError(f"its arrays must be those that {_MODEL} lists")
        for name, entry in entries.items():
            if entry.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{name} must not be compressed")
        if sum(entry.file_size for entry in entries.values()) > path.stat().st_size:
            raise ValueError("its arrays must be no larger than the file")
        for name, entry in entries.items():
            with archive.open(entry) as file:
                if np.lib.format.read_magic(file) != (1, 0):
                    raise ValueError(f"{name} must be an array of format 1.0")
                shape, _, dtype = np.lib.format.read_array_header_1_0(file)
                size = file.tell() + math.prod(shape) * dtype.itemsize
                header = {"shape": list(shape), "dtype": dtype.name}
                if dtype.kind not in NUMBERS or header != listed[name]:
                    raise ValueError(f"{name} must be {listed[name]}, got {header}")
                if entry.file_size != size:
                    raise ValueError(f"{name} must have {size:,} bytes, got {entry.file_size:,}")
                file.seek(0)
                arrays[name] = np.lib.format.read_array(file, allow_pickle=False)
    return arrays


def _found(result: FitResult) -> dict[str, Any]:
    """The figures that a fit gives, without those that there are not."""
    results = {
        "log-likelihood of the training sessions": result.log_likelihood,
        "of this, what users did given what was known": result.conditional_log_likelihood,
        "held-out log-likelihood per step": result.held_out_log_likelihood,
        "of this, what users did": result.held_out_conditional_log_likelihood,
        "what draws say": result.of_draws or None,
        "what has no standard error": result.of_errors or None,
        "not identified": ", ".join(named_elements(result.not_identified)) or None,
        "ending": result.ending,
    }
    return {name: value for name, value in results.items() if value is not None}


def _described(simulator: Simulator, modules: Collection[str]) -> dict[str, str | int | None]:
    return {
        "users": type(simulator.users).__name__,
        "documents": type(simulator.documents).__name__,
        "slate size": simulator.slate_size,
        "candidates": simulator.num_candidates,
        "time limit in steps": simulator.max_steps,
        "saved by": f"recsim_tf {__version__}",
        "modules that it imports": ", ".join(sorted(modules)) or None,
    }
