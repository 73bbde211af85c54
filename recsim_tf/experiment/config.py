"""Gin files by path or packaged name, and the names that they may use."""

import importlib.resources
from collections.abc import Sequence
from pathlib import Path

import gin
import tensorflow as tf

# Imported for the names that they give to gin files.
from recsim_tf.agents import bandits, baselines, full_slate_q, slate_q  # noqa: F401
from recsim_tf.experiment import simulate, train  # noqa: F401
from recsim_tf.experiment.errors import UsageError, one_line

for _external in (
    tf.keras.optimizers.Adam,
    tf.keras.optimizers.SGD,
    tf.keras.optimizers.RMSprop,
    tf.keras.optimizers.schedules.CosineDecay,
    tf.keras.optimizers.schedules.ExponentialDecay,
    tf.keras.optimizers.schedules.PolynomialDecay,
):
    gin.external_configurable(_external, module="keras")


def packaged_configs() -> list[str]:
    """Names of the gin files that are installed with recsim_tf."""
    root = Path(str(importlib.resources.files("recsim_tf.configs")))
    return sorted(str(path.relative_to(root)) for path in root.rglob("*.gin"))


def find_config(name: str) -> Path:
    """The file of a path, or of a packaged name such as "quickstart.gin"; a path that exists goes first.

    Raises:
      UsageError: if there is neither, with the packaged names.
    """
    if Path(name).is_file():
        return Path(name)
    packaged = Path(str(importlib.resources.files("recsim_tf.configs"))) / name
    if packaged.is_file():
        return packaged
    raise UsageError(f"gin_file {name!r} is neither a file nor one of the packaged configs: {', '.join(packaged_configs())}")


def load(files: Sequence[str], bindings: Sequence[str]) -> str:
    """Parses gin files and bindings into an empty configuration.

    Returns:
      The configuration as text, the same for the same bindings.

    Raises:
      UsageError: for a missing file, a syntax error, or an unknown name.
    """
    paths = [str(find_config(name)) for name in files]
    gin.clear_config()
    try:
        gin.parse_config_files_and_bindings(paths, list(bindings))
    except (ValueError, SyntaxError, OSError, TypeError) as error:
        raise UsageError(f"gin configuration: {one_line(error)}") from error
    return gin.config_str()
