"""Gin files by path or packaged name, and the names that they may use."""

import contextlib
import importlib.resources
from collections.abc import Sequence
from pathlib import Path

import gin
import tensorflow as tf
from absl import logging
from tensorflow_probability import distributions as tfd

# Imported for the names that they give to gin files.
from recsim_tf import policies, registry  # noqa: F401
from recsim_tf.experiment import fitting  # noqa: F401
from recsim_tf.experiment.binding_types import check_bindings
from recsim_tf.experiment.config_faults import faults_told
from recsim_tf.experiment.runs.errors import UsageError
from recsim_tf.fitting import logs
from recsim_tf.gin_trust import Allowed, admit, as_file, check_size, check_trusted

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
    from recsim_tf.experiment import commands  # noqa: F401

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
    "recsim_tf": (logs.from_table, logs.page_log, logs.read_movielens, logs.read_open_bandit),
}
for _module, _configurables in _EXTERNAL.items():
    for _configurable in _configurables:
        gin.external_configurable(_configurable, module=_module)


# What a stranger's run may refer to. Nothing of it reads or writes a file that a value names, but
# `load_simulator`, which reads a model as carefully.
_ROOMS = (
    "recsim_tf.adapters.tf_agents",
    "recsim_tf.agents",
    "recsim_tf.choice",
    "recsim_tf.core",
    "recsim_tf.dynamics",
    "recsim_tf.environments",
    "recsim_tf.experiment.evaluation",
    "recsim_tf.policies",
    "recsim_tf.registry",
    # The agents that `recsim_tf.agents.bandits` gives to gin files.
    "tf_agents.bandits.agents.bernoulli_thompson_sampling_agent",
    "tf_agents.bandits.agents.exp3_agent",
    "tf_agents.bandits.agents.lin_ucb_agent",
    "tf_agents.bandits.agents.linear_bandit_agent",
    "tf_agents.bandits.agents.linear_thompson_sampling_agent",
)
_NAMES = frozenset(
    ["gin.singleton", "recsim_tf.load_simulator"]
    + [
        f"{module}.{configurable.__name__}"
        for module in ("keras", "tfd")
        for configurable in _EXTERNAL[module]
    ]
)

_PACKAGED = Path(str(importlib.resources.files("recsim_tf.configs")))
# For `include` statements.
gin.add_config_file_search_path(str(_PACKAGED))


@contextlib.contextmanager
def _without_search_messages():
    """Keeps gin from logging each place where an included file is not, before it finds it."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.FATAL)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


_SWEEPS = "sweeps/"


def _packaged() -> list[str]:
    return sorted(
        path.relative_to(_PACKAGED).as_posix()
        for path in _PACKAGED.rglob("*.gin")
        if not path.name.startswith("_")
    )


def packaged_configs() -> list[str]:
    """Names of the experiments that are installed with recsim_tf; files with a leading underscore
    are parts of them.
    """
    return [name for name in _packaged() if not name.startswith(_SWEEPS)]


def packaged_sweeps() -> list[str]:
    """Names of the sweeps that are installed with recsim_tf."""
    return [name for name in _packaged() if name.startswith(_SWEEPS)]


def find_config(name: str, argument: str = "gin_file") -> Path:
    """The file of a path, or of a packaged name such as "quickstart.gin"; a path that exists goes
    first.

    Args:
      name: the path or the name.
      argument: for the error, "gin_file", or "sweep_file" for sweeps.

    Raises:
      UsageError: if there is neither, with the packaged names.
    """
    if Path(name).is_file():
        return Path(name)
    packaged = _PACKAGED / name
    if packaged.is_file():
        return packaged
    kind, names = (
        ("sweeps", packaged_sweeps())
        if argument == "sweep_file"
        else ("configs", packaged_configs())
    )
    raise UsageError(
        f"{argument} {name!r} is neither a file nor one of the packaged {kind}: {', '.join(names)}"
    )


def load(files: Sequence[str], bindings: Sequence[str]) -> str:
    """Parses gin files and bindings into an empty configuration.

    Returns:
      The configuration as text, the same for the same bindings.

    Raises:
      UsageError: for a missing file, a syntax error, an unknown name, a value of a wrong type, or a
        fault in a module that is imported, with its file and line; for a name of an earlier version
        with the new one.
    """
    gin.clear_config()
    return _load(files, bindings)


def load_run(
    config_file: Path, trusted: Sequence[str], files: Sequence[str], bindings: Sequence[str]
) -> str:
    """Parses the configuration of a run's folder, which may be somebody else's, and over it gin
    files and bindings of the caller's own, into an empty configuration.

    Args:
      config_file: of the folder. It may name what trains and evaluates, in recsim_tf and in modules
        that the caller trusts.
      trusted: names of modules.
      files, bindings: as in `load`; they may name anything.

    Returns:
      The configuration as text.

    Raises:
      UsageError: as `load`, and for what the file may not name, with the line and the option that
        trusts it; nothing has run then.
    """
    path = str(config_file)
    trusted = check_trusted("--trust", trusted)
    check_size(config_file)
    allowed = Allowed(_ROOMS, ("recsim_tf",), _NAMES, trusted, "--trust={}")
    gin.clear_config()
    with faults_told(path=path):
        text = config_file.read_text(encoding="utf-8")
    admit(text, path, allowed, lambda: faults_told(path=path))
    with faults_told(path=path):
        gin.parse_config(as_file(text, path))
    return _load(files, bindings)


def _load(files: Sequence[str], bindings: Sequence[str]) -> str:
    paths = [str(find_config(name)) for name in files]
    with _without_search_messages():
        for path in paths:
            with faults_told(path=path):
                gin.parse_config_file(path)
        for binding in bindings:
            with faults_told(binding=binding):
                gin.parse_config(binding)
        with faults_told():
            gin.finalize()
    check_bindings()
    return gin.config_str()
