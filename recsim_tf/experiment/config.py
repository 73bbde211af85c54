# SPDX-License-Identifier: Apache-2.0
"""Gin files by path or packaged name, and the names that they may use."""

import contextlib
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gin
import tensorflow as tf
from gin import config_parser
from gin.config import ConfigurableReference
from tensorflow_probability import distributions as tfd

# Imported for the names that they give to gin files.
from recsim_tf import logs, ope, policies, registry  # noqa: F401
from recsim_tf.experiment.commands import fit, simulate, validate  # noqa: F401
from recsim_tf.experiment.commands import ope as _ope  # noqa: F401
from recsim_tf.experiment.gin.binding_errors import reading
from recsim_tf.experiment.gin.bindings import bound_value, rebind, references, statements
from recsim_tf.experiment.gin.config_files import PACKAGED, find_config
from recsim_tf.experiment.runs.process import quietly
from recsim_tf.policies import BASELINES
from recsim_tf.support.errors import UsageError, location

# Without TF-Agents there are no agents; to fit models none are needed.
with contextlib.suppress(ModuleNotFoundError):
    from recsim_tf.agents import (  # noqa: F401
        bandits,
        full_slate_q,
        layers,
        reinforce,
        slate_q,
        tabular_q,
    )
    from recsim_tf.experiment.commands import train  # noqa: F401

for _name in registry.registered():
    registry.factory_of(_name)
for _module in ("elicitation", "logs"):
    importlib.import_module(f"recsim_tf.conversations.{_module}")

_EXTERNAL = {
    "keras": (
        tf.keras.optimizers.Adam,
        tf.keras.optimizers.SGD,
        tf.keras.optimizers.RMSprop,
        tf.keras.optimizers.schedules.CosineDecay,
        tf.keras.optimizers.schedules.ExponentialDecay,
        tf.keras.optimizers.schedules.PolynomialDecay,
    ),
    "tfd": (
        tfd.Beta,
        tfd.Exponential,
        tfd.Gamma,
        tfd.HalfNormal,
        tfd.LogNormal,
        tfd.Normal,
        tfd.Uniform,
    ),
    "recsim_tf": (
        logs.from_table,
        logs.page_log,
        logs.read_movielens,
        logs.read_open_bandit,
        logs.open_bandit_log,
    ),
}
for _module, _configurables in _EXTERNAL.items():
    for _configurable in _configurables:
        gin.external_configurable(_configurable, module=_module)


# Classes that run a program of a file: TensorFlow runs the graph of a SavedModel.
_PROGRAMS = ("SavedPolicy",)
# For `include` statements.
gin.add_config_file_search_path(str(PACKAGED))


def load(
    files: Sequence[str],
    bindings: Sequence[str],
    recorded: Path | None = None,
    trusted: Sequence[str] = (),
) -> str:
    """Parses gin files and bindings into an empty configuration.

    Args:
      files, bindings: files and bindings of the caller's own; they may import anything.
      recorded: None, or the configuration of a run's folder, which may be somebody else's, below
        the files and bindings.
      trusted: names of modules that it may import, which stand for all below them too; and
        "SavedPolicy", if it may load a SavedModel.

    Returns:
      The configuration as text, the same for the same bindings.

    Raises:
      UsageError: for a missing file, a syntax error, an unknown name, or a fault in a module that
        is imported, with the file and line; for an import of another module or a SavedModel in
        `recorded`, before anything is imported, with the line and the option that allows it.
    """
    gin.clear_config()
    if recorded is not None:
        with reading([recorded]):
            _check_imports(recorded, trusted)
            gin.parse_config_file(str(recorded))
    paths = [find_config(name) for name in files]
    # gin logs each place where an included file is not, before it finds it.
    with quietly():
        for path in paths:
            with reading([path]):
                gin.parse_config_file(str(path))
        for binding in bindings:
            with reading([], [binding]):
                gin.parse_config(binding)
        with reading(paths, bindings):
            gin.finalize()
    text = gin.config_str()
    _name_by_scope("experiment.baselines")
    _name_by_scope("simulate.policies")
    simulator = bound_value("experiment.simulator")
    if simulator is not None and bound_value("simulate.simulator") is None:
        rebind("simulate.simulator", simulator)
    return text


def _name_by_scope(binding: str) -> None:
    """Names policies by their gin scopes, such as "hot/softmax_policy": gin hands on a function
    without its scope. Where no policy has a scope the binding stays as it is.
    """
    bound = bound_value(binding)
    if not isinstance(bound, (tuple, list)):
        return
    named = {}
    for policy in bound:
        if isinstance(policy, ConfigurableReference):
            named["/".join([*policy.scopes, policy.configurable.name])] = policy
        elif isinstance(policy, str):
            named[BASELINES[policy].title if policy in BASELINES else policy] = policy
    if len(named) == len(bound) and any("/" in name for name in named):
        rebind(binding, named)


def _check_imports(config_file: Path, trusted: Sequence[str]) -> None:
    """Requires that a gin file imports nothing but recsim_tf and modules that the caller names,
    includes no other file, and loads no program. Only its lines are read: nothing in it runs.

    Other functions and classes of recsim_tf that it names are not looked at, as docs/faults.md
    says.
    """
    for statement in statements(config_file):
        where = location(str(config_file), statement.location.line_num)
        if isinstance(statement, config_parser.IncludeStatement):
            raise UsageError(
                f"{where}: include {statement.filename!r} is refused: write its lines into the file"
            )
        names = [reference.name for reference in references(getattr(statement, "value", None))]
        for program in _PROGRAMS:
            is_named = any(f".{name}".endswith(f".{program}") for name in names)
            if is_named and program not in trusted:
                raise UsageError(
                    f"{where}: @{program} is refused, because it runs a program, and somebody else"
                    f" may have written the file: pass --trust={program} if you trust the program"
                )
        for module in _imported(statement):
            if not any(f"{module}.".startswith(f"{name}.") for name in ("recsim_tf", *trusted)):
                package = module.partition(".")[0]
                raise UsageError(
                    f"{where}: import {module} is refused, because somebody else may have written"
                    f" the file: pass --trust={package} if you trust {package}"
                )


def _imported(statement: Any) -> list[str]:
    """The modules that a statement imports, or lets a fitted model import."""
    if isinstance(statement, config_parser.ImportStatement):
        return [statement.module]
    if isinstance(statement, config_parser.BindingStatement) and statement.arg_name == "imports":
        value = statement.value
        several = value if isinstance(value, (tuple, list)) else [value]
        return [str(module) for module in several]
    return []
