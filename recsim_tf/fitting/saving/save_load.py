"""Fitted models in folders that can be given away: parameters, uncertainty, configuration and card;
no row of the log, no pickle.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gin
import numpy as np

from recsim_tf._version import __version__
from recsim_tf.core.simulator import Simulator
from recsim_tf.errors import one_line
from recsim_tf.fitting.estimate.estimates import ParameterEstimate, named_elements
from recsim_tf.fitting.estimate.fit import FitResult
from recsim_tf.fitting.parameters.parameter import as_numbers
from recsim_tf.fitting.saving import files
from recsim_tf.fitting.saving.agreement import check_same
from recsim_tf.fitting.saving.card import figures, model_card
from recsim_tf.fitting.saving.config import (
    admit_config,
    build_simulator,
    imported_modules,
    needed_config,
    own_configuration,
)
from recsim_tf.gin_trust import check_trusted


class LoadedModel(NamedTuple):
    """A model from a folder."""

    simulator: Simulator  # with the estimates as numbers
    estimates: dict[str, ParameterEstimate]
    # what model.json holds: "title", "model", "data", "fit", "checks", ...
    metadata: dict[str, Any]


@gin.configurable(module="recsim_tf", denylist=["folder", "result"])
def save_model(
    folder: str | os.PathLike,
    result: FitResult,
    *,
    build: str,
    config: str | None = None,
    title: str = "Fitted model",
    data: Mapping[str, Any] | None = None,
    fitting: Mapping[str, Any] | None = None,
    checks: Mapping[str, Any] | None = None,
    intended_use: str = "",
    limits: str = "",
    licence: str = "",
) -> None:
    """Writes a fitted model into a new folder, from which `load_model` builds the simulator again.

    The folder holds `parameters.npz`, with value, standard error and interval of each parameter;
    `config.gin`, which builds the models; `model.json`, with shapes, digests and the figures below;
    and `MODEL_CARD.md`, which describes the model for people. Before anything is written, the
    configuration must build the simulator that was fitted: the same classes, the same numbers, the
    same trajectory.

        save_model(
            "my_model",
            result,
            build="interest_evolution",
            config="interest_evolution.slate_size = 5",
            data={"sessions": log.num_sessions, "steps": log.num_steps},
            licence="CC BY 4.0",
        )

    Args:
      folder: does not exist, or is empty.
      result: of `fit`.
      build: gin name of what builds the simulator, such as "interest_evolution", or a reference to
        it, such as "@my_scope/make()".
      config: gin text with all that differs from the builder's defaults, and `import` statements of
        modules that define models; None for the present configuration. What does not take part in
        building is left out.
      title: of the card.
      data: what it was fitted to, as single figures and texts of one line: {"sessions": 5000,
        "steps": 93012, "from": "2024-01"}.
      fitting: how, in the same way: {"search": "LBFGS", "confidence": 0.95}.
      checks: what was checked, in the same way: {"held-out calibration error": 0.004}.
      intended_use, limits, licence: texts of the card, the last one of the data.

    Raises:
      FileExistsError: if the folder has something in it; nothing is written then.
      ValueError: if the configuration does not build the simulator that was fitted, naming what
        differs; for a parameter with a value for each session; for data or checks that are more
        than figures.
    """
    files.refuse_existing(folder)
    found = {
        "log-likelihood of the training sessions": result.log_likelihood,
        **(
            {}
            if result.held_out_log_likelihood is None
            else {"held-out log-likelihood per step": result.held_out_log_likelihood}
        ),
        **(
            {"not identified": ", ".join(named_elements(result.not_identified))}
            if result.not_identified
            else {}
        ),
        "converged": result.converged,
        "stopped early": result.stopped_early,
        "diverged": result.diverged,
    }
    described = {
        "data": figures("data", data),
        "fit": figures("fitting", {**(fitting or {}), **found}),
        "checks": figures("checks", checks),
    }
    config = needed_config(gin.config_str() if config is None else config, build)
    values = {name: estimate.value for name, estimate in result.estimates.items()}
    check_same(result.simulator, build_simulator(config, "config"), values)
    metadata = {
        "title": title,
        "model": _described(result.simulator, build, config),
        **described,
        "parameters": {
            name: {"shape": list(np.shape(v)), "dtype": np.asarray(v).dtype.name}
            for name, v in values.items()
        },
    }
    card = model_card(
        metadata, result.estimates, result.not_identified, config, intended_use, limits, licence
    )
    files.write(folder, metadata, config, result.estimates, card)


def load_model(folder: str | os.PathLike, imports: Sequence[str] = ()) -> LoadedModel:
    """The model of a folder that `save_model` wrote.

    The caller's gin configuration has no part in building it, and stays as it is. The folder may be
    somebody else's: its `config.gin` may name models, choice models and environments of recsim_tf,
    and of modules that the caller trusts. Imports of other modules, and other names, are refused
    before anything runs; nothing else in the folder can run. The digests find damage; they do not
    say who wrote the folder.

        load_model("my_model", imports=("my_package",))

    Args:
      folder: of the model.
      imports: modules that the configuration may import and name, with all below them. They are
        found where Python finds modules.

    Raises:
      FileNotFoundError: if a file is missing.
      ValueError: if a file is damaged, too large or of a newer format; if the configuration names
        what is not allowed, with the line and what to pass; if a module that it imports is missing
        or fails; for estimates that are not those of the models' parameters.
    """
    trusted = check_trusted("imports", imports)
    metadata, config = files.read(folder)
    path = str(Path(folder) / files.CONFIG)
    with own_configuration():
        admit_config(config, path, trusted)
        simulator = build_simulator(config, path)
        _check_parameters(simulator, metadata, Path(folder))
        estimates = files.read_estimates(folder, metadata)
        values = {name: estimate.value for name, estimate in estimates.items()}
        try:
            simulator = simulator.with_parameters(as_numbers(values))
        except (ValueError, TypeError, ArithmeticError, MemoryError) as error:
            raise ValueError(
                f"folder {folder} has estimates that its models refuse: {one_line(error)}"
            ) from error
    return LoadedModel(simulator, estimates, metadata)


@gin.configurable(module="recsim_tf")
def load_simulator(folder: str = gin.REQUIRED, imports: Sequence[str] = ()) -> Simulator:
    """The simulator of a saved model, for gin files: `experiment.simulator = @load_simulator()`;
    see `load_model`.
    """
    return load_model(folder, imports).simulator


def _check_parameters(simulator: Simulator, metadata: Mapping[str, Any], folder: Path) -> None:
    """Requires the listed estimates to be of parameters of the models, and of their shapes."""
    present = simulator.parameters()
    for name, shape in files.listed_shapes(metadata):
        try:
            rank = simulator.parameter_spec(name).rank
        except ValueError as error:
            raise ValueError(f"folder {folder} has an estimate of {name}: {error}") from error
        # A number may hold for all entries of a table, whose shape the models check.
        found = np.shape(present[name]) if name in present else ()
        if shape and (len(shape) != rank or found not in ((), shape)):
            wanted = f"have {rank} axes" if rank and not found else f"be {list(found)}"
            raise ValueError(
                f"folder {folder} has an estimate of {name} of shape {list(shape)}, which must"
                f" {wanted}"
            )


def _described(simulator: Simulator, build: str, config: str) -> dict[str, str | int | None]:
    return {
        "built by": build,
        "users": type(simulator.users).__name__,
        "documents": type(simulator.documents).__name__,
        "slate size": simulator.slate_size,
        "candidates": simulator.num_candidates,
        "time limit in steps": simulator.max_steps,
        "saved by": f"recsim_tf {__version__}",
        "modules that it imports": ", ".join(imported_modules(config)) or None,
    }
