# SPDX-License-Identifier: Apache-2.0
"""Settles the Keras generation, the log and the folder of compiled programs before TensorFlow is
imported.

TensorFlow Probability 0.24 and TF-Agents 0.19 need Keras 2 (`tf_keras`). TensorFlow reads the
environment variable `TF_USE_LEGACY_KERAS` at the first use of `tf.keras`, so it must be set before
that.
"""

import contextlib
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Iterator
from typing import Any

from recsim_tf._compiled import keep_compiled_programs

_FLAG = "TF_USE_LEGACY_KERAS"
# The level of TensorFlow's log: 0 for all messages, 3 for only fatal messages.
_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def use_legacy_keras() -> None:
    """Sets `TF_USE_LEGACY_KERAS=1`. Raises an ImportError if the variable has another value, or
    `tf.keras` already is Keras 3. The message is one line.
    """
    value = os.environ.setdefault(_FLAG, "1")
    if value.lower() not in ("1", "true"):
        raise ImportError(
            f"recsim_tf needs Keras 2: set {_FLAG}=1 in the environment, got {_FLAG}={value}"
        )
    tensorflow, keras = sys.modules.get("tensorflow"), importlib.util.find_spec("tf_keras")
    if tensorflow is None:
        return
    # Legacy `tf.keras` has no attribute `__version__` in recent TensorFlow.
    if "keras" in sys.modules and getattr(tensorflow.keras, "__version__", "2").startswith("3."):
        raise ImportError(
            f"recsim_tf needs Keras 2, but tf.keras is Keras 3: set {_FLAG}=1 before tf.keras is"
            " first used"
        )
    # TensorFlow was imported without the variable, so the folder of Keras 3 is at the head of its
    # path, which `from tensorflow.keras import ...` searches.
    if keras is not None:
        folders = keras.submodule_search_locations or []
        tensorflow.__path__[:0] = [os.path.join(folder, "api", "_v2") for folder in folders]


@contextlib.contextmanager
def without_messages() -> Iterator[None]:
    """A context that drops standard error, unless the level of TensorFlow's log is 0. The import of
    TensorFlow writes messages that no level silences.
    """
    try:
        stderr = None if os.environ.get(_LOG_LEVEL) == "0" else os.dup(2)
    except OSError:  # Standard error is closed.
        stderr = None
    if stderr is None:
        yield
        return
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


class _QuietTensorFlow:
    """A finder of modules that imports TensorFlow `without_messages`."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        spec = importlib.machinery.PathFinder.find_spec(name) if name == "tensorflow" else None
        if spec is not None and spec.loader is not None:
            vars(spec.loader)["exec_module"] = without_messages()(spec.loader.exec_module)
        return spec


use_legacy_keras()
keep_compiled_programs()
# The log is silent, unless the environment asks for it.
os.environ.setdefault(_LOG_LEVEL, "3")
if "tensorflow" not in sys.modules:
    sys.meta_path.insert(0, _QuietTensorFlow)
