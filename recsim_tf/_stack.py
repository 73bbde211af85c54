"""Settles the Keras generation before TensorFlow Probability is imported, and the folder of
compiled programs; imports TF-Agents.

TensorFlow Probability 0.23 and TF-Agents 0.19 need Keras 2 (`tf_keras`). TensorFlow reads the
environment variable `TF_USE_LEGACY_KERAS` at the first use of `tf.keras`, so it must be set before
that.
"""

import importlib
import importlib.util
import os
import sys
import types
import warnings

_FLAG = "TF_USE_LEGACY_KERAS"


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
    tensorflow, keras = sys.modules.get("tensorflow"), importlib.util.find_spec("tf_keras")
    if tensorflow is None:
        return
    # Legacy `tf.keras` has no version of its own in recent TensorFlow.
    if "keras" in sys.modules and getattr(tensorflow.keras, "__version__", "2").startswith("3."):
        raise ImportError(
            f"recsim_tf needs Keras 2, but tf.keras is Keras 3: set {_FLAG}=1 before tf.keras is"
            " first used"
        )
    # TensorFlow was imported without the variable: it has put the folder of Keras 3 at the head of
    # its path, where `from tensorflow.keras import ...` finds it.
    if keras is not None:
        folders = keras.submodule_search_locations or []
        tensorflow.__path__[:0] = [os.path.join(folder, "api", "_v2") for folder in folders]


def keep_compiled_programs() -> None:
    """Tells XLA to keep its programs in the folder `RECSIM_TF_COMPILED`, where that is set. XLA
    reads its flags when it first compiles.
    """
    if folder := os.environ.get("RECSIM_TF_COMPILED"):
        flags = os.environ.get("TF_XLA_FLAGS", "")
        kept = f"--tf_xla_persistent_cache_directory={os.path.abspath(folder)}"
        os.environ["TF_XLA_FLAGS"] = f"{flags} {kept}".strip()


def import_tf_agents() -> None:
    """Imports TF-Agents.

    TF-Agents imports `gym` in a file that nothing here uses. While it is imported an empty module
    takes the place of `gym`, which need not be installed then, and cannot write its complaints.

    Raises:
      ModuleNotFoundError: if TF-Agents is not installed, in one line.
    """
    with warnings.catch_warnings():
        # Python warns when it compiles the files for the first time.
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
keep_compiled_programs()
