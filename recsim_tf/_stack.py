"""Checks and settles the Keras generation before TensorFlow Probability is imported.

TensorFlow Probability 0.23 and TF-Agents 0.19 need Keras 2 (`tf_keras`). TensorFlow reads the
environment variable `TF_USE_LEGACY_KERAS` at the first use of `tf.keras`, so it must be set before
that.
"""

import os
import sys

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


def check_keras_of_imports() -> None:
    """Checks what `from tensorflow.keras import ...` gives, on which TF-Agents builds: TensorFlow
    decides that when it is imported itself.

    Raises:
      ImportError: if it is Keras 3, in one line.
    """
    from tensorflow.keras import layers  # noqa: F401

    if _keras_3_is_active():
        raise ImportError(
            f"recsim_tf.agents needs Keras 2: import recsim_tf before tensorflow, or set {_FLAG}=1"
        )


use_legacy_keras()
