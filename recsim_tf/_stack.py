"""Settles the Keras generation before TensorFlow Probability is imported, and imports TF-Agents.

TensorFlow Probability 0.23 and TF-Agents 0.19 need Keras 2 (`tf_keras`). TensorFlow reads the
environment variable `TF_USE_LEGACY_KERAS` at the first use of `tf.keras`, so it must be set before
that.
"""

import importlib
import os
import sys
import types
import warnings

_FLAG = "TF_USE_LEGACY_KERAS"


def _keras_3_is_active() -> bool:
    """Whether a `tf.keras` that is already loaded is Keras 3."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None or "keras" not in sys.modules:
        return False
    # Legacy `tf.keras` has no version of its own in recent TensorFlow.
    return getattr(tensorflow.keras, "__version__", "2").startswith("3.")


def use_legacy_keras() -> None:
    """Sets `TF_USE_LEGACY_KERAS=1`, or says in one line why that is too late.

    Raises:
      ImportError: if the variable is set to something else, or `tf.keras` already is Keras 3.
    """
    value = os.environ.setdefault(_FLAG, "1")
    if value.lower() not in ("1", "true"):
        raise ImportError(
            f"recsim_tf needs Keras 2: set {_FLAG}=1 in the environment, got {_FLAG}={value}"
        )
    if _keras_3_is_active():
        raise ImportError(
            f"recsim_tf needs Keras 2, but tf.keras is Keras 3: set {_FLAG}=1 before tf.keras is"
            " first used"
        )


def import_tf_agents() -> None:
    """Imports TF-Agents, if the Keras on which it builds is Keras 2.

    TF-Agents imports `gym` in a file that nothing here uses. While it is imported an empty module
    takes the place of `gym`, which need not be installed then, and cannot write its complaints.

    Raises:
      ImportError: in one line, if TF-Agents is not installed, or if `from tensorflow.keras import
        ...` gives Keras 3, which TensorFlow decides when it is imported itself.
    """
    from tensorflow.keras import layers  # noqa: F401

    if _keras_3_is_active():
        raise ImportError(
            f"recsim_tf.agents needs Keras 2: import recsim_tf before tensorflow, or set {_FLAG}=1"
        )
    with warnings.catch_warnings():
        # Of Python, when it compiles the files for the first time.
        warnings.simplefilter("ignore")
        installed = sys.modules.get("gym")
        if installed is None:
            sys.modules["gym"] = types.ModuleType("gym")
        try:
            for module in ("tf_agents", "tf_agents.environments"):
                importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name != "tf_agents":
                raise
            raise ModuleNotFoundError(
                "recsim_tf.agents needs TF-Agents: pip install --no-deps tf-agents==0.19.0",
                name=error.name,
            ) from error
        finally:
            if installed is None:
                del sys.modules["gym"]


use_legacy_keras()
